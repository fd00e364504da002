"""The form that starts a sweep: draft, search space, sampler, pruner and budget."""

from typing import Any

import streamlit as st

from fitdash.errors import FitdashError
from fitdash.settings.data_facts import DataFacts
from fitdash.sweeps.config import (
    PRUNERS,
    SAMPLERS,
    WHICH_EPOCH,
    SweepConfig,
    budget_of,
    make_sweep_config,
    most_trials,
    why_incomparable,
)
from fitdash.sweeps.ensemble_groups import ensemble_size
from fitdash.ui.form import value_lists
from fitdash.ui.form.fill import apply_pending_values
from fitdash.ui.form.form import Draft, draw_form, read_form
from fitdash.ui.session.action_errors import run_action, show_action_errors
from fitdash.ui.session.identity import visitor_id
from fitdash.ui.session.live_changes import LiveChanges
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.sweeper import sweeper
from fitdash.ui.view_models.effective_defaults import monitor_names
from fitdash.ui.view_models.formatting import escape_markdown, format_seconds, labels_of

SAMPLER_HELP = (
    "How the next trial is chosen: tpe learns from the trials so far, random does not, grid takes every combination, "
    "quasi-random spreads trials evenly, cma-es follows the slope (two ranges of numbers or more)."
)
PRUNER_HELP = (
    "What is given up early: median what is worse than half of the others at the same epoch, hyperband what loses in "
    "rounds, none nothing."
)


@st.fragment(key="search")
def search_view(server: ServerResources) -> None:
    """Draws the form in the sidebar, with a switch beneath each setting that may vary, and the search settings."""
    apply_pending_values()
    with st.sidebar:
        draft, around = read_form(LiveChanges(), searches=True)
        draw_form(draft, around)  # first: the objectives depend on every value in the URL
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="search-settings"):
        settings = _settings(draft)
    recipe, problems = _recipe(draft, settings)
    _plan(recipe, draft.facts, settings, problems)
    st.button(
        "Start sweep",
        key="start_sweep",
        type="primary",
        icon=":material/play_arrow:",
        disabled=recipe is None,
        on_click=run_action,
        args=["search", "The sweep could not begin", _begin, server, recipe, settings],
    )
    show_action_errors("search")
    if st.session_state.pop("sweep.begun", False):
        st.rerun()  # the progress is drawn by another fragment


def _settings(draft: Draft) -> dict[str, Any]:
    """Draws objective, budget, sampler and pruner, bound to the URL; gives their values."""
    names = monitor_names(draft.experiment, draft.facts)
    first = "val_loss" if "val_loss" in names else "loss"
    bound: dict[str, Any] = {"bind": "query-params"}
    found = {
        "objective": st.selectbox(
            "objective", names, index=names.index(first), key="sweep.objective", width=190, help=OBJECTIVE_HELP, **bound
        ),
        "which": st.selectbox("which epoch", WHICH_EPOCH, key="sweep.which", width=110, help=WHICH_HELP, **bound),
    }
    place = st.container(width=150)
    found |= {
        "seconds": st.number_input(
            "seconds", 1, None, None, key="sweep.seconds", placeholder="no limit", width=130, help=SECONDS_HELP, **bound
        ),
        "sampler": st.selectbox("sampler", SAMPLERS, key="sweep.sampler", width=140, help=SAMPLER_HELP, **bound),
        "pruner": st.selectbox("pruner", PRUNERS, key="sweep.pruner", width=120, help=PRUNER_HELP, **bound),
    }
    with place:
        found["trials"] = _trials(is_bound=found["seconds"] is not None or found["sampler"] == "grid")
    return found


def _trials(*, is_bound: bool) -> int | None:
    """Draws the number of trials. Unset, it is `FEW_TRIALS`, or None if the search ends otherwise."""
    few = None if is_bound else FEW_TRIALS
    given = st.number_input(
        "trials",
        1,
        100_000,
        None,
        key="sweep.trials",
        placeholder="no limit" if is_bound else f"not set → {few}",
        help=TRIALS_HELP,
        bind="query-params",
    )
    return few if given is None else int(given)


FEW_TRIALS = 30
OBJECTIVE_HELP = "The number by which trials are compared, by its name in the history."
WHICH_HELP = "The best epoch of a trial counts, or its last one."
TRIALS_HELP = "At most so many, over all starts. A grid ends by itself, and so does a search for so many seconds."
SECONDS_HELP = "At most so long, over all starts."


def _recipe(draft: Draft, settings: dict[str, Any]) -> tuple[SweepConfig | None, list[str]]:
    """The sweep's configuration; None, with the reasons, if it is not valid."""
    if draft.problems:
        return None, list(draft.problems)
    space = value_lists.read_value_lists(draft.experiment)
    if not space:
        return None, ["Switch on vary beneath a setting on the left: the search tries values of it."]
    try:
        recipe = make_sweep_config(
            draft.experiment,
            space,
            objective=settings["objective"],
            which=settings["which"],
            sampler=settings["sampler"],
            pruner=settings["pruner"],
        )
        budget_of(settings["trials"], settings["seconds"], sampler=recipe.sampler)
    except FitdashError as error:
        return None, str(error).splitlines()
    return recipe, []


def _plan(recipe: SweepConfig | None, facts: DataFacts | None, settings: dict[str, Any], problems: list[str]) -> None:
    """Draws in one line what Start would do, or why it waits."""
    if recipe is None:
        first, *others = problems
        more = f" And {len(others)} more." if others else ""
        st.markdown(f":orange[{escape_markdown(first)}{more}]")
        return
    labels = labels_of(recipe.space.dimensions)
    varied = [
        f"**{escape_markdown(labels[address])}** {escape_markdown(text)}"
        for address, text in recipe.space.to_text().items()
    ]
    goal = "largest" if recipe.objective.rises else "smallest"
    most = _most(recipe, settings)
    trials = f"{most}, {sweeper().most} at once"
    if (count := ensemble_size(recipe, facts)) > 1:
        trials += f", up to {count} together in one program"
    st.markdown(f"Plan: {' · '.join(varied)} · for the {goal} **{escape_markdown(recipe.objective.name)}** · {trials}.")
    if text := why_incomparable(recipe):
        st.caption(f":orange[{escape_markdown(text)}]")


def _most(recipe: SweepConfig, settings: dict[str, Any]) -> str:
    """The largest number of trials and seconds, in words."""
    trials, seconds = most_trials(recipe, settings["trials"]), settings["seconds"]
    parts = [f"up to {trials:,} trial{'' if trials == 1 else 's'}"] if trials is not None else ["as many trials as fit"]
    return " ".join([*parts, *([f"in {format_seconds(seconds)}"] if seconds else [])])


def _begin(server: ServerResources, recipe: SweepConfig | None, settings: dict[str, Any]) -> None:
    if recipe is None:
        return
    data = recipe.experiment.data
    names = ", ".join(labels_of(recipe.space.dimensions).values())
    budget = budget_of(settings["trials"], settings["seconds"], sampler=recipe.sampler)
    record = sweeper().begin(recipe, budget, name=f"{data.filename or data.name}: {names}", owner=visitor_id(server))
    st.session_state["sweep.shown"] = record.uid
    st.session_state["sweep.begun"] = True
