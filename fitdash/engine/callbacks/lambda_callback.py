"""`LambdaCallback`: a callback made of plain functions."""

import difflib
from collections.abc import Callable
from typing import Any

from fitdash.engine.callbacks.base import Callback

Hook = Callable[..., Any] | None


class LambdaCallback(Callback):
    """Calls the given functions at their hooks.

    Args:
        on_epoch_begin, on_epoch_end: Called with (epoch, logs).
        on_train_begin, on_train_end: Called with (logs).
        on_train_batch_begin, on_train_batch_end: Called with (batch, logs).
        hooks: Any other hook of Callback.

    Raises:
        TypeError: There is no such hook, or its value cannot be called.

    Source: Keras 3 `LambdaCallback`, which ignores unknown names.
    """

    def __init__(
        self,
        on_epoch_begin: Hook = None,
        on_epoch_end: Hook = None,
        on_train_begin: Hook = None,
        on_train_end: Hook = None,
        on_train_batch_begin: Hook = None,
        on_train_batch_end: Hook = None,
        **hooks: Hook,
    ) -> None:
        super().__init__()
        hooks |= {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, hook in hooks.items():
            _check(name, hook)
            if hook is not None:
                setattr(self, name, hook)


def _check(name: str, hook: Hook) -> None:
    known = [known for known in dir(Callback) if known.startswith("on_")]
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise TypeError(f"LambdaCallback has no hook {name!r}.{hint} Known: {', '.join(known)}.")
    if hook is not None and not callable(hook):
        raise TypeError(f"LambdaCallback {name} must be a function, got {hook!r}.")
