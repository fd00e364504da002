"""Messages of a run's page beside the curves (events, log, findings), which live updates change in place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fitdash.charts.diagnosis import Finding
from fitdash.ui.components.live_components import LiveText
from fitdash.ui.learned import panel
from fitdash.ui.run import diagnosis_chips
from fitdash.ui.run.previous_run import previous_run
from fitdash.ui.session.chart_options import read_chart_options
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.view_models.event_text import describe_events
from fitdash.ui.view_models.formatting import format_seconds
from fitdash.ui.view_models.run_view import RunView

LINES_WHILE_ON = 100
"""Lines of the log in each live update of an active run."""


@dataclass(frozen=True, kw_only=True)
class RunMessages:
    """The messages at one moment.

    Attributes:
        found: Findings of the diagnosis.
        words: Text of each message, by the key of its line.
        shape: What the page draws beside these texts: if it changes, the page must rerun.
    """

    found: Sequence[Finding]
    words: Mapping[str, LiveText]
    shape: tuple[Any, ...]

    @property
    def is_early(self) -> bool:
        """True if the page has drawn no epoch yet."""
        return not any(self.shape[:1])


def collect_messages(server: ServerResources, run: RunView) -> RunMessages:
    """The messages as they are now; takes longer than all curves of a long run."""
    found = diagnosis_chips.diagnose_run(server, run)
    words = {
        "happened": events_text(run),
        "fair-cost": fair_loss_text(run),
        **diagnosis_chips.diagnosis_texts(run, found),
    }
    if not run.is_active:  # gets no live updates, and the redraw key would read the predictions in vain
        return RunMessages(found=found, words=words, shape=())
    before = read_chart_options().previous and previous_run(server, run) is not None
    there = (
        bool(run.rows),
        bool(run.lines),
        tuple(run.columns),
        run.params.get("stepper"),
        before,
        server.writer.trouble,
    )
    return RunMessages(
        found=found, words=words, shape=(*there, panel.redraw_key(server, run), diagnosis_chips.redraw_key(run, found))
    )


def events_text(run: RunView) -> LiveText:
    """The events of the run: actions of callbacks and of the user."""
    return _words(run, " ".join(describe_events(run.told)))


def log_text(run: RunView) -> LiveText:
    """The last lines that the run printed."""
    return _words(run, "\n".join(run.lines[-LINES_WHILE_ON:]))


def fair_loss_text(run: RunView) -> LiveText:
    """How long measuring the fair training loss has taken; empty if the option is off."""
    if not read_chart_options().fair:
        return _words(run, "")
    if not run.measured:
        when = "is measured from the next epoch on" if run.is_active else "was not measured in this run"
        return _words(run, f"The fair training loss {when}.")
    of = sum(row.seconds for row in run.rows if row.epoch in run.measured)
    share = f", {run.measured_seconds / of:.0%}" if of > 0 else ""
    return _words(run, f"The fair training loss: +{format_seconds(run.measured_seconds)} so far{share}.")


def _words(run: RunView, text: str) -> LiveText:
    return LiveText(text=text, of=run.uid, seq=run.seq)
