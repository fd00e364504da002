"""Which thread fits which model: a second fit, and what would disturb the first one from another thread, is refused."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fitdash.errors import BusyError

_THREADS: dict[int, int] = {}  # id of a model that is in `fit` → thread; not in the model, which is copied and pickled
_LOCK = threading.Lock()


@contextmanager
def fitting(model: Any) -> Iterator[None]:
    """The context in which this thread, and no other, trains the model.

    Raises:
        BusyError: the model is in `fit` already.
    """
    with _LOCK:
        running = _THREADS.get(id(model))
        if running is None:
            _THREADS[id(model)] = threading.get_ident()
    if running == threading.get_ident():
        raise BusyError(
            "fit must not be called by a callback of a fit of the same model. "
            "Call train_on_batch there, or fit once this one has returned."
        )
    if running is not None:
        raise BusyError(_elsewhere("fit"))
    try:
        yield
    finally:
        del _THREADS[id(model)]


def refuse_from_another_thread(model: Any, method: str) -> None:
    """Refuse a method while another thread is in `fit` of this model: both would use one module and its mode.

    Raises:
        BusyError: another thread is.
    """
    if _THREADS and _THREADS.get(id(model), threading.get_ident()) != threading.get_ident():
        raise BusyError(_elsewhere(method))


def _elsewhere(method: str) -> str:
    return (
        f"{method} must not be called while another thread is in fit of the same model. "
        "Call it once that fit has returned."
    )
