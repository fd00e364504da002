"""What a run was given: every batch that its network saw, as rows of the data, and the network itself."""

from dataclasses import dataclass, field

import numpy as np

from fitdash.data.tables.prepared import prepare_data
from fitdash.runs.protocol.paths import home
from fitdash.settings.experiment import Experiment


@dataclass
class Seen:
    """Filled while the run trains.

    Attributes:
        batches: Whether the network trained, and its inputs, batch after batch.
        modules: The networks that were made.
    """

    batches: list = field(default_factory=list)
    modules: list = field(default_factory=list)

    def watch(self, make):
        """`make`, with a look at all that comes in."""

        def watched(*args):
            module = make(*args)
            self.modules.append(module)
            module.register_forward_pre_hook(self.note, with_kwargs=True)
            return module

        return watched

    def note(self, module, args, kwargs):
        given = {name: part.numpy().copy() for name, part in kwargs.items()} if kwargs else args[0].numpy().copy()
        self.batches.append((module.training, given))

    def trained(self, run):
        """Rows of the data, batch after batch, that were trained on."""
        return self._rows(run, True)

    def validated(self, run):
        """Rows of the data, batch after batch, that were validated on."""
        return self._rows(run, False)

    def _rows(self, run, training):
        data = prepare_data(Experiment.from_dict(run.experiment), home() / "uploads")
        whole = data.columns.encode(data.dataset.table)
        places = {row.tobytes(): place for place, row in enumerate(whole)}
        assert len(places) == len(whole), "rows must differ to be told apart"
        return [[places[row.tobytes()] for row in x] for was, x in self.batches if was == training]


def per_sample(seen, data):
    """Loss of each row under the network that was trained, by the arithmetic of crossentropy over classes."""
    import torch

    with torch.no_grad():
        chances = seen.modules[-1].eval()(torch.as_tensor(data.x)).numpy()
    return -np.log(chances[np.arange(len(data.y)), data.y])
