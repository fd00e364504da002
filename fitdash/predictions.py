"""The methods of `Model` that give the outputs of its module."""

from typing import Any

from fitdash.data.adapter import Target
from fitdash.engine import arguments, loop
from fitdash.engine.callbacks.list import CallbackList
from fitdash.engine.devices import few_threads
from fitdash.engine.objective import Objective
from fitdash.engine.outputs import classes_of, joined, probabilities_of, warn_unless_probabilities
from fitdash.engine.prepare import evaluation_source
from fitdash.engine.steps import Step


class Predictions:
    """Outputs for data, as they are, as probabilities or as classes; expects what `Model` holds."""

    _forward: Step
    _objective: Objective | None

    def predict(
        self, x: Any, batch_size: Any = None, verbose: Any = None, steps: Any = None, callbacks: Any = None
    ) -> Any:
        """The module's outputs for data, as NumPy arrays in its own containers.

        Args:
            x: As in `fit`; targets and weights that a source yields are ignored.
            batch_size: Samples per call of the module, None: 32.
            verbose: 0 silent (also None), 1 progress bar, 2 a line.
            steps: At most so many batches.
            callbacks: Told about predicted batches.

        Returns:
            (n, …) array, or a list or dict of them.

        Source: R keras `predict`.
        """
        window = evaluation_source(
            x, None, None, batch_size, steps, self._target, needs_y=False, verbose=verbose, callbacks=callbacks
        )
        told = self._told(callbacks, arguments.verbosity(verbose, unset=0), window.steps)
        with few_threads():
            return joined(loop.predict(self, self._forward, window, told))

    def predict_proba(self, x: Any, batch_size: Any = None, verbose: Any = 0, steps: Any = None) -> Any:
        """`predict`, with the outputs of a logits loss turned into probabilities; warns if they are none."""
        found = self._probabilities(x, batch_size, verbose, steps)
        warn_unless_probabilities(found)
        return found

    def predict_classes(self, x: Any, batch_size: Any = None, verbose: Any = 0, steps: Any = None) -> Any:
        """Class indices: the most probable column, or whether the only one is above 0.5 (int32)."""
        return classes_of(self._probabilities(x, batch_size, verbose, steps))

    def _probabilities(self, x: Any, *how: Any) -> Any:
        links = [] if self._objective is None else self._objective.links
        return probabilities_of(self.predict(x, *how), links)

    @property
    def _target(self) -> Target:
        raise NotImplementedError

    def _told(self, callbacks: Any, verbose: int, steps: int | None) -> CallbackList:
        raise NotImplementedError
