"""The same experiment with several seeds: start it, draw mean and band, say what is beyond the noise."""

from collections.abc import Sequence

import streamlit as st

from fitdash.charts.repeat_band import Band, band_chart, told
from fitdash.engine.callbacks.monitor import goes_up
from fitdash.runs.record.records import RunRecord
from fitdash.runs.record.store import Store
from fitdash.settings.experiment import Experiment
from fitdash.sweeps.config import Budget, Objective
from fitdash.sweeps.repeats import band_of, compare_groups, groups_of, repeats_of
from fitdash.ui.compare.charts import names_of
from fitdash.ui.compare.table import compared
from fitdash.ui.components.live_components import live_chart
from fitdash.ui.session.action_errors import asked, complain
from fitdash.ui.session.identity import visitor
from fitdash.ui.session.server_resources import Desk
from fitdash.ui.session.sweeper import sweeper
from fitdash.ui.view_models.formatting import escaped

MOST_GROUPS = 4
BEGUN = "compare.begun"
"""Repeats were started, and the page has not been drawn since."""


def offer(desk: Desk, record: RunRecord | None) -> None:
    """A way to train the chosen run again with other seeds."""
    with st.popover("Repeat over seeds", icon=":material/replay:", disabled=record is None):
        if record is None:
            return
        st.caption("The same settings with other seeds tell how much of a difference is chance.")
        count = int(st.number_input("runs", 2, 100, 5, key="compare.repeats"))
        args = [f"repeats-{record.uid}", "The repeats could not begin", _start, desk, record, count]
        st.button("Start", key="start_repeats", type="primary", on_click=asked, args=args)
        complain(f"repeats-{record.uid}")  # here: what opens over the page would hide it there


def _start(desk: Desk, record: RunRecord, count: int) -> None:
    recipe = repeats_of(Experiment.from_dict(record.experiment), count)
    sweeper().begin(recipe, Budget(), name=f"{record.name} × {count} seeds", owner=visitor(desk))
    st.session_state[BEGUN] = True


def draw(store: Store, shown: Sequence[RunRecord], chosen: Sequence[RunRecord], metric: str) -> None:
    """Mean and band of the chosen runs that were repeated; with two groups of them, which one is better."""
    # Of runs with one seed the chosen one counts.
    uids = {record.uid for record in chosen}
    found = groups_of([*chosen, *(record for record in shown if record.uid not in uids)])
    groups = [group for group in found.values() if uids & {record.uid for record in group}][:MOST_GROUPS]
    if not groups:
        return
    names = names_of(compared([group[0] for group in groups])) if len(groups) > 1 else [groups[0][0].name]
    bands = [_band(store, group, metric, name) for group, name in zip(groups, names, strict=True)]
    with st.container(border=True):
        spec = band_chart(bands, title=f"{metric}, mean ± standard deviation", key="compare-seeds")
        points = sum(len(band.epochs) for band in bands)
        live_chart(spec, key="compare-seeds", alt=told(bands, metric), rev=points)
        if len(groups) == 2:
            _verdict(groups, metric, (names[0], names[1]))


def _band(store: Store, group: Sequence[RunRecord], metric: str, name: str) -> Band:
    table = band_of(store, [record.uid for record in group], metric)
    columns = {column: table[column].to_numpy(dtype=float) for column in ("epoch", "mean", "low", "high")}
    epochs = columns.pop("epoch")
    return Band(name=name, n=len(group), epochs=epochs, **columns)


def _verdict(groups: Sequence[Sequence[RunRecord]], metric: str, names: tuple[str, str]) -> None:
    rises = goes_up(metric)
    if rises is None:
        return
    objective = Objective(name=metric, mode="max" if rises else "min", which="last")
    found = compare_groups(groups[0], groups[1], objective, names=names)
    if found is not None:
        st.markdown(escaped(found.words))
