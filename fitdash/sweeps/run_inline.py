"""Trains one run in the calling thread and records it."""

from fitdash.errors import FitdashError
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import Changed, Created
from fitdash.runs.protocol.messages import JobSpec
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer
from fitdash.runs.scheduling.failures import failure_event
from fitdash.runs.scheduling.runner import new_uid
from fitdash.sweeps.executors import InlineExecutor


def train_inline(store: Store, order: JobSpec, *, name: str = "", parent: str | None = None) -> str:
    """Train a job spec as a recorded run; returns its uid when it is over.

    Raises:
        FitdashError: the run cannot be built, or failed; the record has the traceback.
    """
    uid, writer = new_uid(), Writer(store)
    created = Created(uid=uid, name=name, experiment=order["experiment"], writer=writer.uid, parent=parent)
    writer.put(created)
    writer.put(Changed(uid=uid, state="running"))
    try:
        InlineExecutor().train(order, uid, writer.put, Control())
    except BaseException as error:
        end = failure_event(uid, error)
        writer.put(Changed(uid=uid, state="interrupted") if isinstance(error, KeyboardInterrupt) else end)
        if isinstance(error, FitdashError) or not isinstance(error, Exception):
            raise
        raise FitdashError(f"The run {uid} failed: {end.error}") from error
    else:
        writer.put(Changed(uid=uid, state="finished"))
    finally:
        writer.close()
    return uid
