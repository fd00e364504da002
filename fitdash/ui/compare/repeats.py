"""Repeats of an experiment over seeds: start them, draw mean and band, say which differences exceed the noise."""

from collections.abc import Sequence

import streamlit as st

from fitdash.charts.repeat_band import RepeatBand, band_chart, describe_bands
from fitdash.engine.callbacks.monitor import higher_is_better
from fitdash.runs.record.records import RunRecord
from fitdash.runs.record.store import Store
from fitdash.settings.experiment import Experiment
from fitdash.sweeps.config import Budget, SweepObjective
from fitdash.sweeps.repeats import compare_groups, group_repeats, make_repeats_config, repeat_band
from fitdash.ui.compare.charts import run_labels
from fitdash.ui.compare.table import comparison_of
from fitdash.ui.components.live_components import draw_chart
from fitdash.ui.session.action_errors import run_action, show_action_errors
from fitdash.ui.session.identity import visitor_id
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.sweeper import sweeper
from fitdash.ui.view_models.formatting import escape_markdown

MOST_GROUPS = 4
BEGUN = "compare.begun"
"""Session key: repeats were started since the page was last drawn."""


def draw_repeat_button(server: ServerResources, record: RunRecord | None) -> None:
    """Draws the popover that trains the chosen run again with other seeds."""
    with st.popover("Repeat over seeds", icon=":material/replay:", disabled=record is None):
        if record is None:
            return
        st.caption("The same settings with other seeds tell how much of a difference is chance.")
        count = int(st.number_input("runs", 2, 100, 5, key="compare.repeats"))
        args = [f"repeats-{record.uid}", "The repeats could not begin", _start, server, record, count]
        st.button("Start", key="start_repeats", type="primary", on_click=run_action, args=args)
        show_action_errors(f"repeats-{record.uid}")  # here: the open popover would hide it on the page


def _start(server: ServerResources, record: RunRecord, count: int) -> None:
    recipe = make_repeats_config(Experiment.from_dict(record.experiment), count)
    sweeper().begin(recipe, Budget(), name=f"{record.name} × {count} seeds", owner=visitor_id(server))
    st.session_state[BEGUN] = True


def draw(store: Store, shown: Sequence[RunRecord], chosen: Sequence[RunRecord], metric: str) -> None:
    """Draws mean and band of the chosen runs that have repeats; for two groups, says which one is better."""
    # Of several runs with the same seed, the chosen one counts.
    uids = {record.uid for record in chosen}
    found = group_repeats([*chosen, *(record for record in shown if record.uid not in uids)])
    groups = [group for group in found.values() if uids & {record.uid for record in group}][:MOST_GROUPS]
    if not groups:
        return
    names = run_labels(comparison_of([group[0] for group in groups])) if len(groups) > 1 else [groups[0][0].name]
    bands = [_band(store, group, metric, name) for group, name in zip(groups, names, strict=True)]
    with st.container(border=True):
        spec = band_chart(bands, title=f"{metric}, mean ± standard deviation", key="compare-seeds")
        points = sum(len(band.epochs) for band in bands)
        draw_chart(spec, key="compare-seeds", alt=describe_bands(bands, metric), rev=points)
        if len(groups) == 2:
            _verdict(groups, metric, (names[0], names[1]))


def _band(store: Store, group: Sequence[RunRecord], metric: str, name: str) -> RepeatBand:
    table = repeat_band(store, [record.uid for record in group], metric)
    columns = {column: table[column].to_numpy(dtype=float) for column in ("epoch", "mean", "low", "high")}
    epochs = columns.pop("epoch")
    return RepeatBand(name=name, n=len(group), epochs=epochs, **columns)


def _verdict(groups: Sequence[Sequence[RunRecord]], metric: str, names: tuple[str, str]) -> None:
    rises = higher_is_better(metric)
    if rises is None:
        return
    objective = SweepObjective(name=metric, mode="max" if rises else "min", which="last")
    found = compare_groups(groups[0], groups[1], objective, names=names)
    if found is not None:
        st.markdown(escape_markdown(found.words))
