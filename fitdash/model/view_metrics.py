"""Shows the fit of a script or notebook in the dashboard; a failure here becomes a warning and never stops training.

Source: R keras `fit`, view_metrics.
"""

import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fitdash.engine.callbacks.base import Logs
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.protocol.events import Changed, Created
from fitdash.runs.protocol.json_codec import to_plain
from fitdash.runs.protocol.paths import store_path
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer
from fitdash.runs.scheduling.dashboards import find, find_or_start
from fitdash.runs.scheduling.failures import failure_event
from fitdash.runs.scheduling.runner import new_uid
from fitdash.settings.view_metrics import explain_hidden_chart


class ScriptRecorder(Recorder):
    """Records a fit that no `Runner` started, so it records the end of the run itself."""

    observes_only = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        super().on_train_end(logs)
        self.put(Changed(uid=self.uid, state="finished"))

    def failed(self, error: BaseException) -> None:
        """Record that the fit raised an error: the run has failed, or is interrupted after Ctrl-C."""
        self.console.end()
        if isinstance(error, KeyboardInterrupt):
            self.put(Changed(uid=self.uid, state="interrupted"))
        else:
            self.put(failure_event(self.uid, error))


def make_script_recorders(
    view_metrics: bool | str,
    *,
    metrics: bool,
    epochs: int,
    verbose: int,
    name: str,
    experiment: Mapping[str, Any],
) -> list[ScriptRecorder]:
    """The recorder for a fit of a script or notebook, in a list; empty if it is not to be shown.

    Args:
        view_metrics: True starts a dashboard where none runs; "auto" uses one that runs on this store.
        metrics: Whether `compile` was given metrics.
        epochs, verbose: Of the fit.
        name, experiment: As in `record_to_dashboard`.
    """
    if explain_hidden_chart(view_metrics, viewer=True, metrics=metrics, epochs=epochs, verbose=verbose):
        return []
    if view_metrics == "auto" and not _attached():
        return []
    return record_to_dashboard(experiment, name=name)


def record_to_dashboard(experiment: Mapping[str, Any], *, name: str = "script") -> list[ScriptRecorder]:
    """The recorder by which a dashboard shows a fit live, in a list; empty, with one warning, if that fails.

    Finds the dashboard on this store or starts one as a process of its own, and prints the address of the run's page.

    Args:
        experiment: What is known of the fit: {"fit": {argument: value}, …}; arrays are recorded by their shape.
        name: Name of the run.
    """
    try:
        address = find_or_start()
        writer = _writer(store_path())
        recorder = ScriptRecorder(new_uid(), writer.put)
        facts = to_plain(experiment)
        writer.put(Created(uid=recorder.uid, name=name, experiment=facts, writer=writer.uid, state="running"))
        # A browser that opens the address at once has to find the run.
        writer.flush(1.0)
        print(f"Watch this run at {address}/?run={recorder.uid}", flush=True)
    except Exception as error:
        warnings.warn(f"view_metrics cannot show this fit: {error}", stacklevel=2)
        return []
    return [recorder]


def _attached() -> bool:
    """Whether a dashboard runs on this store."""
    try:
        return find() is not None
    except Exception:  # a dashboard that cannot be reached counts as none
        return False


@cache
def _writer(path: Path) -> Writer:
    """The one writer of this process for this store; it closes itself when the process ends."""
    return Writer(Store(path))
