"""Claims a run that has ended, so that this process can resume it."""

from fitdash.errors import StoreError
from fitdash.runs.record.store import Store

RESUMABLE = ("stopped", "interrupted", "failed")


def claim_run(store: Store, uid: str, writer: str) -> None:
    """Make the run this writer's, queued again; of several writers that try at once, exactly one succeeds.

    Raises:
        StoreError: the run is unknown, or in a state that cannot be resumed; nothing is changed then.
    """
    run = store.run(uid)
    if run is None:
        raise StoreError(f"{store.path} must know the run to go on with it, got {uid!r}.")
    with store.write_transaction(durable=True) as db:
        taken = db.execute(
            "UPDATE runs SET state='queued', writer=?, ended=NULL, error=NULL, traceback=NULL, seq=seq+1"
            f" WHERE uid=? AND state IN {RESUMABLE}",
            [writer, uid],
        ).rowcount
    if not taken:
        raise StoreError(f"A run must be stopped, interrupted or failed to go on, got one that is {run.state}.")
