"""The History of a run, rebuilt from the store."""

from fitdash.engine.callbacks.history import History
from fitdash.errors import StoreError
from fitdash.runs.record.store import Store


def history_of(store: Store, uid: str) -> History:
    """The history that `fit` returned or will return, up to its latest epoch; its CSV and JSON are the same bytes.

    Raises:
        StoreError: there is no such run.
    """
    run = store.run(uid)
    if run is None:
        raise StoreError(f"{store.path} must know the run to give its history, got {uid!r}.")
    rows = store.epochs(uid)
    return History.of(
        epochs=[row.epoch for row in rows],
        logs=[row.logs for row in rows],
        seconds=[row.seconds for row in rows],
        events=[row.data for row in store.events(uid, "told")],
        params=dict(run.params),
    )
