"""The form in the sidebar, from widgets to draft and back. Each section folds to a line that names what is set."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from fitdash.settings.advice import advice_in
from fitdash.settings.compile import CompileArgs
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import inert_in, problems_in, settings_of
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FIT_ARGUMENTS, TIME, VALIDATION, WATCHING, WEIGHTING, FitArgs
from fitdash.settings.losses_and_metrics import output_of
from fitdash.settings.network import LAYER_LIST, RECURRENT, NetworkArgs, parameters_of, resolved_network_kind
from fitdash.settings.network_shape import shape_of
from fitdash.settings.search_space import sweepable_settings
from fitdash.ui.components.copy_link import copy_link
from fitdash.ui.form import cards, dataset_section, layer_cards, split_preview, value_lists
from fitdash.ui.form.controls import FormContext, draw_control, draw_controls
from fitdash.ui.form.row_weights import weight_choices, weight_histogram
from fitdash.ui.form.widget_values import read_experiment
from fitdash.ui.session.live_changes import LiveChanges
from fitdash.ui.session.state import page_state
from fitdash.ui.view_models.effective_defaults import resolve_defaults
from fitdash.ui.view_models.formatting import escape_markdown, format_number, format_value, summarize_settings

LEADING = ("data.name", "data.target", "network.kind")
ORDER = [argument.name for argument in FIT_ARGUMENTS]


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What the form holds.

    Attributes:
        experiment: The draft.
        facts: Of its data.
        problems: Sentences that stop a run.
        remarks: Sentences that stop nothing.
        variants: The experiments that Fit starts: the draft, or one for each combination of listed values.
    """

    experiment: Experiment
    facts: DataFacts | None
    problems: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    variants: tuple[Experiment, ...] = ()


def read_form(live: LiveChanges, *, continues: bool = False, searches: bool = False) -> tuple[Draft, FormContext]:
    """The draft, and the context of the widgets; draws the row above the form.

    Reads the widgets' values before the widgets are drawn, which takes over ten times as long: the action bar can show
    the effect of a change first.

    Args:
        live: The active run, whose settings some widgets change.
        continues: True if the next run starts from the weights of an earlier one.
        searches: True if lists of values are a sweep's search space, rather than one run for each value.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="above-form"):
        st.toggle("Basic", key="basic", bind="query-params", help="Leaves out the rarer settings that are not set.")
        if not searches:
            value_lists.draw_switch()
        copy_link()
    dataset_section.restore()
    cards.restore()
    layer_cards.restore()
    experiment = read_experiment(_value)
    draft, around = _judged(experiment, live, continues, searches)
    layer_cards.remember(experiment.network, draft.facts)
    return draft, around


def has_been_drawn() -> bool:
    """True if the widgets have taken all values from the URL, which needs several reruns."""
    return st.session_state.get("drawn") == 0 and "fit.epochs" in st.session_state


def draw_form(draft: Draft, around: FormContext) -> None:
    """Draws the widgets; reruns the page if they took more from the URL than the draft had read."""
    _draw(draft, around)
    if read_experiment(st.session_state.get) != draft.experiment and st.session_state.get("drawn", 0) < 4:
        st.session_state["drawn"] = st.session_state.get("drawn", 0) + 1
        st.rerun()
    st.session_state["drawn"] = 0


def _value(key: str, default: Any) -> Any:
    """A widget's value; from the URL before it is first drawn, if other widgets' choices depend on it."""
    if key in LEADING and key not in st.session_state:
        return st.query_params.get(key, default)
    return st.session_state.get(key, default)


def _judged(experiment: Experiment, live: LiveChanges, continues: bool, searches: bool) -> tuple[Draft, FormContext]:
    """The draft with its problems and remarks, each at its address."""
    loaded = dataset_section.summarize_dataset(experiment.data)
    facts, refused = dataset_section.add_validation_file(loaded, experiment)
    found = [(problem.where, problem.text) for problem in problems_in(experiment, facts)]
    found += [("data.content", text) for text in loaded.problems]
    found += [("fit.validation_data.content", text) for text in refused]
    variants, wrong = ((experiment,), []) if found or searches else value_lists.expand_variants(experiment, facts)
    found += wrong
    weights, unfit = weight_histogram(experiment, facts)
    others = {one.fit.sample_weight: one for one in variants if one.fit.sample_weight != experiment.fit.sample_weight}
    unfit += tuple(text for one in others.values() for text in weight_histogram(one, facts)[1])
    found += [("fit.sample_weight", text) for text in unfit]
    notes = advice_in(experiment, facts, continues=continues) if facts else []
    noted = [(note.where, note.text) for note in notes]
    problems = _by_place(found)
    # A setting that had a problem stays editable: Streamlit drops the value of a widget that it greys in that rerun.
    page_state().wrong.update(problems)
    columns = {
        "data.features": loaded.features,
        "data.target": loaded.columns,
        "fit.sample_weight": weight_choices(facts),
        "fit.sample_weight.column": loaded.columns,
        "fit.validation_data.sample_weight": facts.validation_weights if facts else (),
    }
    around = FormContext(
        problems=problems,
        inert=inert_in(experiment, facts),
        open=page_state().wrong,
        remarks=_by_place(noted),
        columns=columns,
        unset=resolve_defaults(experiment, facts, loaded.target),
        facts=facts,
        live=live,
        uploader=lambda key: dataset_section.draw_uploader(key, problems.get(f"{key}.content", ())),
        basic=bool(st.session_state.get("basic")),
        several=sweepable_settings(experiment) if searches or st.session_state.get(value_lists.SWITCH) else (),
        searches=searches,
        weights=weights,
    )
    told, remarked = (tuple(text for _, text in one) for one in (found, noted))
    draft = Draft(experiment=experiment, facts=facts, problems=told, remarks=remarked, variants=variants)
    return draft, around


def _by_place(sentences: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Sentences by address."""
    places: dict[str, list[str]] = {}
    for where, text in sentences:
        places.setdefault(where, []).append(text)
    return places


def _draw(draft: Draft, around: FormContext) -> None:
    experiment, facts = draft.experiment, draft.facts
    with _section("Data", dataset_section.dataset_line(experiment.data, facts), "data", around, expanded=True):
        dataset_section.draw(experiment.data, around)
    with _section("Network", _network_line(experiment, facts), "network", around):
        names = ["kind"] if experiment.network.kind == LAYER_LIST else list(settings_of(NetworkArgs))
        draw_controls(NetworkArgs, "network", names, around)
        layer_cards.draw(experiment, around)
    with _section("Compile", summarize_settings(experiment.compile, ("optimizer",)), "compile", around):
        draw_controls(CompileArgs, "compile", list(settings_of(CompileArgs)), around)
    for group, always in ((TIME, ("epochs",)), (VALIDATION, ()), (WEIGHTING, ()), (WATCHING, ())):
        with _section(group, _group_line(experiment, group, always), f"fit.{group}", around, expanded=True):
            _group(group, experiment, around)


def _group(group: str, experiment: Experiment, around: FormContext) -> None:
    """Draws one group of the arguments of fit, in the order of the reference page."""
    declared = settings_of(FitArgs)
    names = [name for name in ORDER if name in declared and declared[name].arg.group == group]
    if group != WATCHING:
        split = names.index("validation_data") + 1 if group == VALIDATION else len(names)
        draw_controls(FitArgs, "fit", names[:split], around)
        if group == VALIDATION:
            split_preview.draw(experiment, around.remarks)
            draw_controls(FitArgs, "fit", names[split:], around)
        return
    draw_control(declared["verbose"], "fit.verbose", around)
    cards.draw(experiment, around, _help_of("callbacks"))
    draw_control(declared["view_metrics"], "fit.view_metrics", around)
    st.caption("`...` is unused in the reference.", help=_help_of("..."))


def _section(title: str, line: str, where: str, around: FormContext, *, expanded: bool = False) -> Any:
    """An expander for one part of the form; its title names what is set, and marks problems."""
    wrong = any(_stands_in(address, where) for address in around.problems)
    mark = ":red[:material/error:] " if wrong else ""
    return st.expander(f"{mark}**{title}** {line}", expanded=expanded, key=f"section.{where}")


def _stands_in(address: str, section: str) -> bool:
    """True if an address lies in a section: a part of the experiment, or one group of the arguments of fit."""
    part, name, *_ = *address.split("."), ""
    if part == "callbacks":
        return section == f"fit.{WATCHING}"
    if part != "fit":
        return part == section
    declared = settings_of(FitArgs)
    return name in declared and section == f"fit.{declared[name].arg.group}"


def _group_line(experiment: Experiment, group: str, always: tuple[str, ...]) -> str:
    line = summarize_settings(experiment.fit, always, group)
    kinds = ", ".join(args.kind for args in experiment.callbacks)
    return " · ".join(part for part in (line, kinds if group == WATCHING else "") if part) or "as the reference"


def _network_line(experiment: Experiment, facts: DataFacts | None) -> str:
    net = experiment.network
    kind = resolved_network_kind(net.kind, facts)
    bend = "" if kind in RECURRENT else f" {net.activation}"
    line = f"{'' if kind == 'mlp' else f'{kind} '}{format_value(net.width)} × {format_value(net.depth)}{bend}"
    if kind == LAYER_LIST:
        line = f"{len(net.layers)} layer{'' if len(net.layers) == 1 else 's'}"
    if facts is None or facts.inputs is None or not isinstance(net.width, int) or not isinstance(net.depth, int):
        return line
    units = output_of(facts.task, facts.class_count, experiment.compile.loss).units
    return f"{line} · {format_number(parameters_of(net, shape_of(facts, units)))} parameters"


def _help_of(name: str) -> str:
    return escape_markdown(next(argument.help for argument in FIT_ARGUMENTS if argument.name == name))
