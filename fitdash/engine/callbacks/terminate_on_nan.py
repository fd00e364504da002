"""`TerminateOnNaN`: stops training when the loss is NaN or infinite."""

import math

from fitdash.engine.callbacks.base import Callback, Moment


class TerminateOnNaN(Callback):
    """Stops training after a batch whose running loss is NaN or infinite; the epoch is still validated and recorded.

    Args:
        raise_error: Raise a RuntimeError instead, so that `on_train_end` is not called.

    Source: Keras 3 `TerminateOnNaN`.
    """

    observes_only = True

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def between_steps(self, moment: Moment) -> bool | None:
        """Check the running loss.

        Where many steps run in one call and the loss stops being finite, they are undone and trained one by one, so
        the check finds the very batch.
        """
        loss = moment.logs().get("loss")
        if loss is None or math.isfinite(loss):
            return None
        if self.raise_error:
            raise RuntimeError(f"The loss of batch {moment.last} in epoch {moment.epoch + 1} is {loss}.")
        self.say(f"Batch {moment.last}: Invalid loss, terminating training")
        self.model.stop_training = True
        self.tell("nan", batch=moment.last, loss=loss)
        return None
