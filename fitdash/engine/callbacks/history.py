"""`History`: the logs of every epoch, which `fit` returns."""

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitdash.engine.callbacks.atomic_files import replace_text
from fitdash.engine.callbacks.base import Callback, Logs
from fitdash.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd


class History(Callback):
    """Records the logs of every finished epoch. Every `fit` has one and returns it.

    Attributes:
        history: Name → values in epoch order; shorter where an epoch did not log the name.
        epoch: Index of each epoch that ran, from 0, absolute.
        params: "verbose", "epochs", "steps" and more about the fit.
        seconds: Duration of each epoch, validation included.
        events: {"epoch", "kind", …} of each event that a callback noted: early stopping, a changed learning rate, …

    An instance passed to several fits keeps adding to `history`; `epoch` and `seconds` are those of the last fit.

    Source: R keras `fit`, "a history object"; Keras 3 `History`.
    """

    observes_only = True

    draw: Callable[..., Any] | None = None  # (frame of as_data_frame, *, smooth, theme_bw) -> figure; model.py sets it

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.seconds: list[float] = []
        self.events: list[dict[str, Any]] = []
        self._rows: list[tuple[int, Logs]] = []
        self._began = 0.0

    @classmethod
    def of(
        cls,
        *,
        epochs: Sequence[int],
        logs: Sequence[Mapping[str, Any]],
        seconds: Sequence[float] = (),
        events: Iterable[Mapping[str, Any]] = (),
        params: Mapping[str, Any] | None = None,
    ) -> "History":
        """The History of a recorded run.

        Args:
            epochs: Index of each epoch, from 0.
            logs: What each of them logged.
            seconds: How long each took.
            events: As `History.events`.
            params: As the fit had them.
        """
        history = cls()
        for epoch, values in zip(epochs, logs, strict=True):
            history._keep(epoch, values)
        history.seconds = list(seconds)
        history.events = [dict(event) for event in events]
        history.params = dict(params or {})
        return history

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if model is not None:
            model.history = self

    def set_params(self, params: Mapping[str, Any]) -> None:
        self.params = dict(params)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []
        self.seconds = []

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._keep(epoch, logs or {})
        self.seconds.append(time.perf_counter() - self._began)
        if self.model is not None:
            self.model.history = self

    def to_frame(self) -> "pd.DataFrame":
        """One row per epoch that ran: `epoch` (from 1), then each name; NaN where it was not logged."""
        import pandas as pd

        columns = {name: [logs.get(name, math.nan) for _, logs in self._rows] for name in self.history}
        return pd.DataFrame({"epoch": [epoch + 1 for epoch, _ in self._rows], **columns})

    def as_data_frame(self, pad: bool = False) -> "pd.DataFrame":
        """One row per name and epoch that ran.

        Args:
            pad: Add rows without a value up to the number of epochs of the fit.

        Returns:
            `epoch` (from 1), `value` (NaN where not logged), `metric` (without `val_`), `data` ("training" or
            "validation"); all epochs of one name, then the next name.
        """
        import pandas as pd

        wide = self.to_frame()
        if pad:
            shown = [*wide["epoch"], *range(max(wide["epoch"], default=0) + 1, self.params.get("epochs", 0) + 1)]
            wide = wide.reindex(range(len(shown))).assign(epoch=shown)
        rows = [
            (epoch, value, name.removeprefix("val_"), "validation" if name.startswith("val_") else "training")
            for name in self.history
            for epoch, value in zip(wide["epoch"], wide[name], strict=True)
        ]
        return pd.DataFrame(rows, columns=["epoch", "value", "metric", "data"])

    def to_csv(self, path: str | Path | None = None) -> str | None:
        """The frame of `to_frame` as CSV, empty where NaN; without a path the text is returned."""
        text = self.to_frame().to_csv(index=False, lineterminator="\n")
        return _deliver(str(text), path)

    def to_json(self, path: str | Path | None = None) -> str | None:
        """Parameters, epochs, values, seconds and events as JSON, null for numbers that are not finite.

        Returns:
            The text if no path is given, else None.
        """
        names = ("params", "epoch", "history", "seconds", "events")
        return _deliver(json.dumps({name: _plain(getattr(self, name)) for name in names}), path)

    def plot(self, metrics: str | Sequence[str] | None = None, smooth: bool = True, theme_bw: bool = False) -> Any:
        """One panel per metric, training and validation in two colours, a point per epoch.

        Args:
            metrics: Names without `val_`; None for all, loss first.
            smooth: Add a smoothed line where there are 10 epochs or more.
            theme_bw: Black on white.

        Returns:
            A plotly figure.

        Source: R keras `plot.keras_training_history`.
        """
        if self.draw is None:
            raise RuntimeError(
                "draw must be a drawing function, got None. Set it to fitdash.charts.history_plot.plot_history."
            )
        frame = self.as_data_frame()
        if metrics is not None:
            chosen = [metrics] if isinstance(metrics, str) else list(metrics)
            _check_metrics(chosen, list(frame["metric"].unique()))
            frame = frame[frame["metric"].isin(chosen)]
        return self.draw(frame, smooth=smooth, theme_bw=theme_bw)

    def __repr__(self) -> str:
        return "\n".join([*_trained_on(self.params), *_final_epoch(self.history, self._rows)])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "model": None, "draw": self.draw}

    def _keep(self, epoch: int, logs: Mapping[str, Any]) -> None:
        logs = {name: _python(value) for name, value in logs.items()}
        self.epoch.append(epoch)
        self._rows.append((epoch, logs))
        if not logs.keys() <= self.history.keys():
            _add_names(self.history, list(logs))
        for name, value in logs.items():
            self.history[name].append(value)


def _python(value: Any) -> Any:
    """A scalar of NumPy or torch as a Python number; anything else unchanged."""
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def _add_names(history: dict[str, list[Any]], logged: list[str]) -> None:
    """Give new names their columns, each before the known name that follows it in the logs."""
    order = list(history)
    for position, name in enumerate(logged):
        if name not in order:
            following = next((other for other in logged[position:] if other in order), None)
            order.insert(len(order) if following is None else order.index(following), name)
    columns = {name: history.get(name, []) for name in order}
    history.clear()
    history.update(columns)


def _trained_on(params: Mapping[str, Any]) -> list[str]:
    if params.get("samples") is None:
        return []
    validated = params.get("validation_samples")
    also = f", validated on {validated:,} samples" if validated else ""
    settings = f"batch_size={params.get('batch_size')}, epochs={params.get('epochs')}"
    return [f"Trained on {params['samples']:,} samples{also} ({settings})"]


def _final_epoch(history: Mapping[str, list[Any]], rows: list[tuple[int, Logs]]) -> list[str]:
    if not rows:
        return ["No epoch was trained."]
    width = max(map(len, history), default=0)
    lines = ["Final epoch (plot to see history):"]
    for name, values in history.items():
        last = max(epoch for epoch, logs in rows if name in logs)
        when = "" if name in rows[-1][1] else f" (epoch {last + 1})"
        lines.append(f"{name:>{width}}: {_short(values[-1])}{when}")
    return lines


def _short(value: Any) -> str:
    """4 significant digits."""
    if not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def _check_metrics(chosen: list[str], known: list[str]) -> None:
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise SettingError(f"metrics must be among {', '.join(known)}, got {', '.join(map(repr, unknown))}.")


def _plain(value: Any) -> Any:
    """A value as JSON can hold it; what is neither number nor text as its string."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return number if math.isfinite(number) else None


def _deliver(text: str, path: str | Path | None) -> str | None:
    if path is None:
        return text
    replace_text(Path(path), text)
    return None
