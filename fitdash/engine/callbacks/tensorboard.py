"""`TensorBoard`: writes the logs and histograms of the parameters for TensorBoard."""

import os
import time
import warnings
from collections.abc import Mapping
from typing import Any

from fitdash.engine.callbacks.base import Callback, Logs, Moment
from fitdash.engine.callbacks.learning_rates import learning_rates_of
from fitdash.engine.callbacks.save_freq import StepInterval, parse_frequency


class TensorBoard(Callback):
    """Scalars of each epoch, `epoch_<name>`, for training and validation in a folder each.

    Args:
        log_dir: Holds the folders "train" and "validation".
        histogram_freq: Histograms of the parameters every so many epochs, 0: none.
        write_graph, write_images, profile_batch, embeddings_freq, embeddings_metadata: Of Keras; no effect here.
        write_steps_per_second: Also write `epoch_steps_per_second`.
        update_freq: "epoch"; "batch" or a number of batches to write running values, `batch_<name>`, as well.

    Raises:
        ImportError: tensorboard is not installed.

    Source: Keras 3 `TensorBoard`: names, folders and steps.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        _summary_writer()
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = update_freq
        self._steps = StepInterval(parse_frequency("TensorBoard update_freq", update_freq, words=("epoch", "batch")))
        self._writers: dict[str, Any] = {}
        self._trained = 0
        self._in_fit = False
        _warn_of_unused(
            write_images=write_images,
            profile_batch=profile_batch,
            embeddings_freq=embeddings_freq,
            embeddings_metadata=embeddings_metadata,
        )

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._in_fit = True
        self._trained = 0
        self._steps.counted = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._began, self._trained_before = time.perf_counter(), self._trained

    def steps_until_due(self) -> int | None:
        """Training steps that may run before values are due."""
        return self._steps.until_due()

    def between_steps(self, moment: Moment) -> bool | None:
        self._trained += moment.last - moment.first + 1
        if self._steps.is_due(moment):
            self._write("train", "batch_{}", moment.logs(), self._trained)
        return None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        training = {name: value for name, value in logs.items() if not name.startswith("val_")}
        rates = learning_rates_of(self.model)
        if rates:
            training["learning_rate"] = rates[0]
        if self.write_steps_per_second:
            seconds = time.perf_counter() - self._began
            training["steps_per_second"] = (self._trained - self._trained_before) / seconds
        self._write("train", "epoch_{}", training, epoch)
        validation = {name.removeprefix("val_"): value for name, value in logs.items() if name.startswith("val_")}
        self._write("validation", "epoch_{}", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_histograms(epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._write("validation", "evaluation_{}_vs_iterations", logs or {}, self._trained)
        if not self._in_fit:
            self._close()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._in_fit = False
        self._close()

    def state_dict(self) -> dict[str, Any]:
        return {"trained": self._trained, "counted": self._steps.counted}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._trained, self._steps.counted = state["trained"], state["counted"]

    def _write(self, folder: str, tag: str, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer(folder).add_scalar(tag.format(name), value, step)

    def _write_histograms(self, epoch: int) -> None:
        for name, parameter in self.model.module.named_parameters():
            self._writer("train").add_histogram(f"{name}/histogram", parameter.detach(), epoch)

    def _writer(self, folder: str) -> Any:
        if folder not in self._writers:
            self._writers[folder] = _summary_writer()(os.path.join(self.log_dir, folder))
        return self._writers[folder]

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()


def _summary_writer() -> Any:
    try:
        import tensorboard  # noqa: F401
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "TensorBoard needs the package tensorboard. Install it: pip install 'fitdash[tensorboard]'."
        ) from error
    return SummaryWriter


def _warn_of_unused(**settings: Any) -> None:
    given = [name for name, value in settings.items() if value]
    if given:
        warnings.warn(f"TensorBoard ignores {', '.join(given)}: only scalars and histograms are written.", stacklevel=3)
