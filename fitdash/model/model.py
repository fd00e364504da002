"""`Model`: a PyTorch module with the `compile`, `fit`, `evaluate` and `predict` of Keras.

Source: R keras `fit` and the functions its page refers to; where they are silent, Keras 3. What an argument does is
described in the module that does it: rows and weights in `data/batches`, losses and metrics in `engine/objective`, the
order of epochs, steps and hooks in `engine/training/loop.py`.
"""

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import numpy as np
import torch
from torch import nn

from fitdash.charts.history_plot import plot_history
from fitdash.data.batches.arrays import ArraySource
from fitdash.data.batches.class_weights import ClassWeights
from fitdash.data.batches.source import DeviceAndDtype, Source
from fitdash.engine.callbacks.base import Callback
from fitdash.engine.callbacks.callback_list import CallbackList, make_callbacks
from fitdash.engine.callbacks.history import History
from fitdash.engine.first_batch.checks import CheckedPart, FirstBatchChecks
from fitdash.engine.objective.ignored import may_hold
from fitdash.engine.objective.objective import Objective
from fitdash.engine.objective.totals import RunningTotals
from fitdash.engine.optimizers import resolve
from fitdash.engine.optimizers.learning_rate import give_learning_rate
from fitdash.engine.optimizers.membership import OptimizerMembers, forget_parameters
from fitdash.engine.step.devices import device_and_dtype_of, flush_denormals, limit_threads, resolve_device
from fitdash.engine.step.predictions import classes_of, concatenate_batches, probabilities_of, warn_unless_probabilities
from fitdash.engine.step.step import Step
from fitdash.engine.training import argument_checks, loop
from fitdash.engine.training.channels_last import channels_last
from fitdash.engine.training.prepare import (
    PreparedFit,
    RawFitArguments,
    prepare_evaluation,
    prepare_fit,
    prepare_single_batch,
)
from fitdash.errors import DataError, NotCompiledError, SettingError
from fitdash.model import module_summary
from fitdash.model.busy import fitting, refuse_from_another_thread

Values = float | list[float] | dict[str, float]


class Model:
    """A PyTorch module that can be trained, evaluated and asked for predictions as in Keras.

    Args:
        module: Trained in place; one forward call per batch.
        feed: A source of batches that `fit` trains from when `x` is None.

    Attributes:
        module: The module itself.
        history: The History of the last fit, None before the first.
        stop_training, stop_evaluating, stop_predicting: A callback sets one to end that loop after this batch.
        start_epoch: The epoch that a fit starts with; a callback may set it in `on_train_begin`.
        is_resuming: Whether the current fit goes on from a backup; callbacks that begin files leave them then.
        watchers: Callbacks that run after the caller's own, History and the progress bar.
        console: The stream that text is printed on, None: standard output.
        training: The current fit, None outside of `fit`; callbacks that change settings or save checkpoints read it.
    """

    def __init__(self, module: nn.Module, *, feed: Any = None) -> None:
        if not isinstance(module, nn.Module):
            raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}.")
        self.module = module
        self.history: History | None = None
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self.start_epoch = self.epoch = 0
        self.is_resuming = False
        self.watchers: list[Callback] = []
        self.console: TextIO | None = None
        self.training: loop.Fit | None = None
        self._feed = feed
        self._objective: Objective | None = None
        self._optimizer: Any = None  # the torch optimizer, once it is needed
        self._members: OptimizerMembers | None = None  # what it holds; None for an optimizer of the user
        self._listeners: list[Callback] = []  # those of the last fit's callbacks that hear what `tell` notes
        self._forward = Step(module, Objective(), lambda: None)

    # compile ----------------------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        sample_weight_mode: Any = None,
        *,
        run_eagerly: bool = False,
        device: Any = None,
        precision: str = "float32",
    ) -> "Model":
        """Choose optimizer, losses and metrics; the module's parameters are not touched.

        Args:
            optimizer: A name with Keras' defaults and arithmetic, a torch optimizer, or a callable that makes one from
                the parameters.
            loss: A name (predictions are probabilities), a torch.nn loss (mostly logits) or a callable
                `(y_true, y_pred)`; for several outputs a list or a dict of them.
            metrics: Names, callables or metric objects, in a list, a dict by output, or a single one.
            loss_weights: Of the outputs' losses in the total, a list or a dict.
            weighted_metrics: Metrics that use class_weight and sample_weight.
            sample_weight_mode: None or "temporal" (one weight per time step), for all or per output.
            run_eagerly: True runs every step in Python; it changes the speed only.
            device: "auto", "cpu", "cuda", "mps" or a torch device to move the module to; None leaves it where it is.
                Steps are recorded on the CPU in float32 and captured as graphs on CUDA; elsewhere they run in Python.
            precision: "float32", or "bfloat16" for automatic casting.

        Returns:
            This model.

        Raises:
            SettingError: all problems, such as an unknown name; the model is unchanged then.
            BusyError: another thread is in `fit` of this model.

        Source: R keras `compile`.
        """
        refuse_from_another_thread(self, "compile")
        measured = {
            "loss": loss,
            "metrics": metrics,
            "loss_weights": loss_weights,
            "weighted_metrics": weighted_metrics,
            "sample_weight_mode": sample_weight_mode,
        }
        problems = argument_checks.Problems()
        problems.checked(resolve.check_optimizer, optimizer)
        objective = problems.checked(Objective, **measured)
        place = None if device is None else problems.checked(resolve_device, device)
        problems.checked(argument_checks.check_precision, precision)
        problems.refuse()
        assert objective is not None
        if place is not None:
            self.module.to(place)
        self._optimizer_given, self._optimizer, self._members = optimizer, None, None
        self._measured = measured
        self._settings = {"optimizer": optimizer, **measured, "run_eagerly": run_eagerly, "precision": precision}
        self._measure(objective)
        return self

    def _measure(self, objective: Objective) -> None:
        """Use this objective from now on, with new totals."""
        self._objective = objective
        self._step = Step(
            self.module, objective, self._optimizer_now, self._settings["precision"], self._current_optimizer
        )
        self._step.is_given_optimizer = isinstance(self._optimizer_given, torch.optim.Optimizer)
        self._checked: set[tuple[int, ...]] = set()  # sets of trained parameters for which `train_on_batch` was checked
        self._forward = self._step
        self._train_book, self._test_book, self._single_book = (objective.new_book() for _ in range(3))
        self._free_books: list[RunningTotals] = []

    @property
    def optimizer(self) -> Any:
        """The torch optimizer, made when it is first needed; None if the module has nothing to train."""
        if self._objective is None:
            return None
        if self._optimizer is None:
            parameters = [parameter for parameter in self.module.parameters() if parameter.requires_grad]
            if not parameters and not isinstance(self._optimizer_given, torch.optim.Optimizer):
                return None
            self._optimizer = self._make_optimizer(parameters)
            if not self._step.is_given_optimizer:
                self._members = OptimizerMembers(self._optimizer, self._make_optimizer, parameters)
        return self._optimizer

    def _make_optimizer(self, parameters: list[nn.Parameter]) -> Any:
        made = resolve.make_optimizer(self._optimizer_given, parameters)
        if made is not None:
            give_learning_rate(made)
        return made

    def _optimizer_now(self) -> Any:
        """`optimizer` as a method, so that the step of a copied model uses the copy's optimizer."""
        return self.optimizer

    def _current_optimizer(self) -> Any:
        """`optimizer`, after one that was made here has taken what became trainable and left what is gone."""
        optimizer = self.optimizer
        if self._members is not None:
            self._members.update(self.module)
        return optimizer

    def _can_train(self) -> bool:
        """Whether the module, or an optimizer of the user, has a parameter that is not frozen."""
        optimizer = self._current_optimizer()
        held = [] if optimizer is None else [p for group in optimizer.param_groups for p in group["params"]]
        return any(parameter.requires_grad for parameter in (*self.module.parameters(), *held))

    @property
    def metrics_names(self) -> list[str]:
        """Every name that is logged, in its order; complete once a batch has been seen."""
        return self._compiled("metrics_names").names

    # fit --------------------------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: Any = None,
        epochs: Any = 10,
        verbose: Any = None,
        callbacks: Any = None,
        view_metrics: Any = None,
        validation_split: Any = 0.0,
        validation_data: Any = None,
        shuffle: Any = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: Any = 0,
        steps_per_epoch: Any = None,
        validation_steps: Any = None,
        *,
        validation_batch_size: Any = None,
        validation_freq: Any = 1,
    ) -> History:
        """Train for the epochs `initial_epoch` … `epochs` − 1.

        Args:
            x: (n, …) array of NumPy, torch, pandas or HDF5, a list or dict of them for several inputs, a Dataset, or a
                source of batches: DataLoader, generator, generator function, any iterable. None: the model's feed.
            y: (n, …) targets, a list or dict for several outputs; none beside a source of batches.
            batch_size: Samples per update, None: 32. The last batch may be smaller.
            epochs: Index of the epoch to stop before, not a count.
            verbose: 0 silent, 1 progress bar, 2 a line per epoch; None: `options.fit_verbose`.
            callbacks: A `Callback` or a list of them.
            view_metrics: True shows the run live in the dashboard, False does not, "auto" does if a dashboard is
                running, there are metrics, several epochs and verbose is not 0; None: `options.view_metrics`.
            validation_split: Share of the rows held out for validation: the last ones, before shuffling.
            validation_data: (x, y) or (x, y, sample_weight), a dict of those names, or a source of batches; overrides
                `validation_split`.
            shuffle: True permutes the rows before each epoch, "batch" moves whole batches. No effect with
                `steps_per_epoch` or a source of batches.
            class_weight: Weight by class index, for the loss in training only.
            sample_weight: (n,) weights, (n, t) for time steps; a list or dict for several outputs. Multiplied with
                `class_weight`.
            initial_epoch: Index of the first epoch, to continue an earlier fit.
            steps_per_epoch: Batches of an epoch; the pass over the data goes on in the next one. None: one pass.
            validation_steps: At most so many validation batches, from the first row each time.
            validation_batch_size: Samples of a validation batch, None: `batch_size`.
            validation_freq: Validate every so many epochs, or a list of epochs from 1.

        Returns:
            The History: losses and metrics by epoch. It is `self.history` as well.

        Raises:
            NotCompiledError: `compile` was not called.
            BusyError: this model is in `fit` already, in another thread or in the one that calls a callback.
            SettingError, DataError, TypeError: all problems of the arguments, before anything trains.

        Source: R keras `fit`.
        """
        given = RawFitArguments(
            x=x,
            y=y,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            view_metrics=view_metrics,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            sample_weight=sample_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
            callbacks=callbacks,
        )
        with fitting(self):
            fit, viewers = self._prepare(given)
            history = fit.callbacks.history
            assert history is not None
            try:
                with (
                    limit_threads(),
                    flush_denormals(),
                    torch.enable_grad(),
                    channels_last(self.module, self.optimizer),
                    self._step.forward.casts.noting(self.tell),
                ):
                    loop.train(fit)
            except BaseException as error:
                for viewer in viewers:
                    viewer.failed(error)
                raise
            finally:
                self.training = self._step.checks = None
            return history

    def prepare_fit(self, *args: Any, **kwargs: Any) -> loop.Fit:
        """The fit that `fit` trains with these arguments: checked, with its callbacks, but not trained.

        It is `self.training` from now on, and its History is `self.history`. The caller trains it, as one of several
        fits in one program, and sets `self.training` to None afterwards.

        Raises:
            NotCompiledError, SettingError, DataError, TypeError: as `fit`.
        """
        call = inspect.signature(Model.fit).bind(self, *args, **kwargs)
        call.apply_defaults()
        given = {name: value for name, value in call.arguments.items() if name != "self"}
        fit, _ = self._prepare(RawFitArguments(**given))
        return fit

    def _prepare(self, given: RawFitArguments) -> tuple[loop.Fit, list[Any]]:
        """A fit that is ready to be trained, and those of its callbacks that show it in a dashboard."""
        self._compiled("fit", needs_loss=True)
        ready = prepare_fit(given, self._feed, self._target, self._step)
        viewers = self._viewers(ready, given)
        ordered = make_callbacks(given.callbacks, History(), ready.verbose, [*self.watchers, *viewers])
        params = {"verbose": ready.verbose, "epochs": ready.epochs, "steps": ready.passes.steps, **ready.params}
        callbacks = CallbackList(ordered, model=self, params=params)
        self._listeners, self.history = callbacks.listeners, callbacks.history
        assert self.history is not None
        self.history.draw = plot_history
        if not self._can_train():
            warnings.warn("The model has no trainable parameters: nothing will be learned.", stacklevel=3)
        self.training = loop.Fit(
            flags=self,
            step=self._step,
            book=self._train_book,
            test_book=self._test_book,
            passes=ready.passes,
            callbacks=callbacks,
            class_weight=ready.class_weight,
            validation=ready.validation,
            initial_epoch=ready.initial_epoch,
            epochs=ready.epochs,
            run_eagerly=bool(self._settings["run_eagerly"]),
        )
        return self.training, viewers

    # evaluate ---------------------------------------------------------------------------------------------------------

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: Any = None,
        verbose: Any = None,
        sample_weight: Any = None,
        steps: Any = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Values:
        """Loss and metrics over data; nothing of the model changes.

        Args:
            x, y, batch_size, sample_weight: As in `fit`.
            verbose: 0 silent, 1 progress bar, 2 a line; None: `options.fit_verbose`.
            steps: At most so many batches; without `batch_size`, arrays are split into that many.
            callbacks: A `Callback` or a list of them; their test hooks are called.
            return_dict: Give a dict by name.

        Returns:
            The loss alone if nothing else is measured, else a list in the order of `metrics_names`, or the dict.

        Raises:
            NotCompiledError: `compile` was not called.
            SettingError, DataError: all that is wrong with the arguments.

        Source: R keras `evaluate`.
        """
        objective = self._compiled("evaluate", needs_loss=True)
        refuse_from_another_thread(self, "evaluate")
        source = self._feed if x is None else x
        window = prepare_evaluation(
            source,
            y,
            sample_weight,
            batch_size,
            steps,
            self._target,
            names=self._step.forward.names,
            verbose=verbose,
            callbacks=callbacks,
        )
        hooks = self._callback_list(callbacks, argument_checks.check_verbose(verbose), window.steps)
        free = self._free_books  # a callback may evaluate while another evaluation runs
        book = free.pop() if free else objective.new_book()
        book.heed_ignored(may_hold(window.source, objective.ignored))
        with limit_threads(), self._checks_of_evaluation(window.source):
            logs = loop.evaluate(self, self._step, book, window, hooks, alone=True)
        free.append(book)
        return to_return_value(logs, return_dict)

    # predict ----------------------------------------------------------------------------------------------------------

    def predict(
        self, x: Any, batch_size: Any = None, verbose: Any = None, steps: Any = None, callbacks: Any = None
    ) -> Any:
        """The module's outputs for data, as NumPy arrays in its own containers.

        Args:
            x: As in `fit`; targets and weights that a source yields are ignored.
            batch_size: Samples per call of the module, None: 32.
            verbose: 0 silent (also None), 1 progress bar, 2 a line.
            steps: At most so many batches.
            callbacks: A `Callback` or a list of them; their predict hooks are called.

        Returns:
            (n, …) array, or a list or dict of them.

        Source: R keras `predict`.
        """
        refuse_from_another_thread(self, "predict")
        window = prepare_evaluation(
            x,
            None,
            None,
            batch_size,
            steps,
            self._target,
            needs_y=False,
            names=self._forward.forward.names,
            verbose=verbose,
            callbacks=callbacks,
        )
        hooks = self._callback_list(callbacks, argument_checks.check_verbose(verbose, unset=0), window.steps)
        with limit_threads():
            return concatenate_batches(loop.predict(self, self._forward, window, hooks))

    def predict_proba(self, x: Any, batch_size: Any = None, verbose: Any = 0, steps: Any = None) -> Any:
        """`predict`, with the outputs of a logits loss turned into probabilities; warns if one is outside [0, 1]."""
        found = self._probabilities(x, batch_size, verbose, steps)
        warn_unless_probabilities(found)
        return found

    def predict_classes(self, x: Any, batch_size: Any = None, verbose: Any = 0, steps: Any = None) -> Any:
        """Class indices: the most probable column; of a single column, whether it is above 0.5 (int32)."""
        return classes_of(self._probabilities(x, batch_size, verbose, steps))

    def _probabilities(self, x: Any, *how: Any) -> Any:
        links = [] if self._objective is None else self._objective.links
        return probabilities_of(self.predict(x, *how), links)

    # one batch --------------------------------------------------------------------------------------------------------

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Values:
        """One update on exactly these rows; gives their loss and metrics from before it, as `evaluate` does.

        Source: R keras `train_on_batch`.
        """
        self._compiled("train_on_batch", needs_loss=True)
        refuse_from_another_thread(self, "train_on_batch")
        source, weights = prepare_single_batch(x, y, sample_weight, self._target, class_weight=class_weight)
        self._single_book.heed_ignored(bool(self._step.objective.ignored))
        self._single_book.reset()
        reading = self._step.forward.reading(arrays=True)
        before = self._step.checks  # those of a fit whose callback calls this
        with loop.mode_kept_on_error(self.module), torch.enable_grad(), reading:
            self.module.train()
            self._step.prepare()
            self._step.checks = checks = self._checks_once(source, weights)
            try:
                self._step.train(next(source.batches()), self._single_book, weights)
            finally:
                self._step.checks = before
                if checks is not None:
                    checks.close()
        if checks is not None:
            self._checked.add(self._trained_ids())
            checks.after_epoch()
        return to_return_value(self._single_book.logs(), return_dict)

    def _checks_once(self, source: ArraySource, weights: ClassWeights | None) -> FirstBatchChecks | None:
        """The checks of a first batch for `train_on_batch`; None once these parameters were trained with them."""
        if self._trained_ids() in self._checked:
            return None
        return FirstBatchChecks(self._step, [CheckedPart(source=source, class_weight=weights)])

    def _trained_ids(self) -> tuple[int, ...]:
        return tuple(id(parameter) for parameter in self.module.parameters() if parameter.requires_grad)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Values:
        """Loss and metrics of exactly these rows.

        Source: R keras `test_on_batch`.
        """
        self._compiled("test_on_batch", needs_loss=True)
        refuse_from_another_thread(self, "test_on_batch")
        source, _ = prepare_single_batch(x, y, sample_weight, self._target)
        self._single_book.heed_ignored(bool(self._step.objective.ignored))
        self._single_book.reset()
        reading = self._step.forward.reading(arrays=True)
        with loop.evaluation_mode(self.module), reading, self._checks_of_evaluation(source):
            self._step.test(next(source.batches()), self._single_book)
        return to_return_value(self._single_book.logs(), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for exactly these rows, by one forward call, as NumPy.

        Source: R keras `predict_on_batch`.
        """
        refuse_from_another_thread(self, "predict_on_batch")
        source, _ = prepare_single_batch(x, None, None, self._target, needs_y=False)
        with loop.evaluation_mode(self.module), self._forward.forward.reading(arrays=True):
            return self._forward.predict(next(source.batches()))

    # the module -------------------------------------------------------------------------------------------------------

    def summary(self, line_length: int | None = None, print_fn: Callable[[str], Any] = print) -> None:
        """Print the layers with their output shapes (known after the first batch) and parameters.

        Args:
            line_length: At least so many characters a row.
            print_fn: Called with each line.
        """
        module_summary.summary(
            self.module, module_summary.output_shapes(self.module, self._example()), line_length, print_fn
        )

    def get_config(self) -> dict[str, Any]:
        """The module's class and layers and what `compile` was given, as data for JSON."""
        return {"module": module_summary.module_config(self.module), "compile": self._compile_config()}

    def get_layer(self, name: str | None = None, index: int | None = None) -> nn.Module:
        """A layer by its (dotted) name or by its index from 0.

        Raises:
            SettingError: neither or both are given, or there is no such layer.

        Source: R keras `get_layer`, which counts from 1.
        """
        return module_summary.get_layer(self.module, name, index)

    def pop_layer(self) -> nn.Module:
        """Remove and give the last layer of an nn.Sequential; the optimizer forgets its parameters.

        Raises:
            SettingError: the module is no nn.Sequential, or empty.
        """
        layer = module_summary.pop_layer(self.module)
        if self._optimizer is not None:
            forget_parameters(self._optimizer, layer.parameters())
        self._forget_shapes()
        return layer

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Copies of parameters and buffers in the order of the module's state_dict."""
        return [value.detach().cpu().numpy().copy() for value in self.module.state_dict().values()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set parameters and buffers from a list as `get_weights` gives it.

        Raises:
            DataError: the number of arrays or a shape differs.
        """
        state = self.module.state_dict()
        shapes = [tuple(np.shape(weight)) for weight in weights]
        expected = [tuple(value.shape) for value in state.values()]
        if shapes != expected:
            raise DataError(f"weights must have the shapes {expected}, got {shapes}.")
        with torch.no_grad():
            for value, weight in zip(state.values(), weights, strict=True):
                value.copy_(torch.as_tensor(np.array(weight)))

    def fit_generator(self, generator: Any, *args: Any, **kwargs: Any) -> Any:
        """`fit`, under its older name.

        Source: R keras `fit_generator(object, generator, steps_per_epoch, epochs, …)`.
        """
        first = "steps_per_epoch epochs verbose callbacks view_metrics validation_data validation_steps class_weight"
        names = (*first.split(), "max_queue_size", "workers", "initial_epoch")
        return self._renamed("fit", generator, names, args, kwargs)

    def evaluate_generator(self, generator: Any, *args: Any, **kwargs: Any) -> Any:
        """`evaluate`, under its older name."""
        return self._renamed("evaluate", generator, ("steps", "max_queue_size", "workers", "callbacks"), args, kwargs)

    def predict_generator(self, generator: Any, *args: Any, **kwargs: Any) -> Any:
        """`predict`, under its older name."""
        names = ("steps", "max_queue_size", "workers", "verbose", "callbacks")
        return self._renamed("predict", generator, names, args, kwargs)

    def _renamed(self, name: str, generator: Any, order: tuple[str, ...], args: Any, kwargs: Any) -> Any:
        warnings.warn(f"{name}_generator is deprecated: {name} takes generators.", DeprecationWarning, stacklevel=3)
        if len(args) > len(order):
            raise TypeError(f"{name}_generator takes at most {len(order) + 1} arguments by place, got {len(args) + 1}.")
        given = dict(zip(order, args, strict=False)) | kwargs
        unused = {"max_queue_size", "workers", "use_multiprocessing"}
        return getattr(self, name)(generator, **{key: value for key, value in given.items() if key not in unused})

    # what callbacks use -----------------------------------------------------------------------------------------------

    def tell(self, kind: str, **facts: Any) -> None:
        """Note an event of this epoch: in `history.events`, then through `on_tell` of the callbacks that override it.

        Args:
            kind: What happened, such as "early_stop".
            facts: What belongs to it, by name.
        """
        event = {"epoch": self.epoch, "kind": kind, **facts}
        if self.history is not None:
            self.history.events.append(event)
        for callback in self._listeners:
            callback.on_tell(event)

    # private ----------------------------------------------------------------------------------------------------------

    def _compiled(self, method: str, *, needs_loss: bool = False) -> Objective:
        if self._objective is None:
            raise NotCompiledError(f"{method} needs a compiled model. Call compile(optimizer, loss, metrics) first.")
        if needs_loss and self._settings["loss"] is None:
            raise SettingError(
                f"{method} needs a loss, got loss=None in compile. Give one, such as compile(loss='mse')."
            )
        return self._objective

    @contextmanager
    def _checks_of_evaluation(self, source: Source) -> Iterator[None]:
        """Inside the block, the first batch that these losses see is checked."""
        before = self._step.checks
        checks = FirstBatchChecks(self._step, [CheckedPart(source=source)]) if self._step.example is None else None
        if checks is not None:
            self._step.checks = checks
        try:
            yield
        finally:
            self._step.checks = before
            if checks is not None:
                checks.close()

    @property
    def _target(self) -> DeviceAndDtype:
        return device_and_dtype_of(self.module)

    def _callback_list(self, callbacks: Any, verbose: int, steps: int | None) -> CallbackList:
        """The callbacks of one evaluation or prediction, with their order and parameters."""
        params = {"verbose": verbose, "epochs": 1, "steps": steps}
        return CallbackList(make_callbacks(callbacks, None, verbose), model=self, params=params)

    def _viewers(self, fit: PreparedFit, given: RawFitArguments) -> list[Any]:
        """The recorder that shows this fit in a dashboard, if `view_metrics` demands it."""
        if self.watchers:  # the code that started this fit records it already
            return []
        from fitdash.model.view_metrics import make_script_recorders

        return make_script_recorders(
            fit.view_metrics,
            metrics=bool(self._settings["metrics"] or self._settings["weighted_metrics"]),
            epochs=fit.epochs,
            verbose=fit.verbose,
            name=type(self.module).__name__,
            experiment={"compile": self._settings, "fit": vars(given)},
        )

    def _example(self) -> Any:
        return self._forward.example

    def _forget_shapes(self) -> None:
        """Drop what was learned of the module's inputs and outputs, which have changed; keep the optimizer."""
        self._forward.example = None
        if self._objective is not None:
            self._measure(Objective(**self._measured))

    def _compile_config(self) -> dict[str, Any] | None:
        known = self._objective is not None
        return {name: module_summary.to_json_data(value) for name, value in self._settings.items()} if known else None


def to_return_value(logs: dict[str, float], return_dict: bool) -> Values:
    """Logs as `evaluate` returns them."""
    if return_dict:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
