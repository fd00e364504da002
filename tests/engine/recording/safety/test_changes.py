"""Changes between steps are seen, and programs that fail or differ are not used."""

import pytest
import torch
from torch import nn

import fitdash as fd
from fitdash import callbacks as cb
from tests.engine.recording.fits import assert_eager, assert_recorded, assert_same, both
from tests.engine.recording.modules import X, Y

pytestmark = pytest.mark.usefixtures("_records_short_fits")


class Between(cb.Callback):
    """Does something to the module after the second epoch, and again after the fourth."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def on_epoch_end(self, epoch, logs=None):
        if epoch in (1, 3):
            self.change(self.model.module)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm, self.drop = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.2)
        self.head = nn.Linear(8, 3)
        self.factor, self.parts = 1.0, [1.0, 2.0]

    def forward(self, x):
        return self.head(self.drop(self.norm(torch.relu(self.first(x))))) * self.factor * self.parts[0]


def _new_data(module):
    module.first.weight.data = module.first.weight.data.clone() * 0.5


def _new_parameter(module):
    module.head.bias = nn.Parameter(torch.ones(3))


def _new_buffer(module):
    module.norm.running_mean = torch.ones(8)


def _new_layer(module):
    module.drop = nn.Sequential(nn.Dropout(0.1), nn.ReLU())


def _loaded(module):
    module.load_state_dict({name: value * 0.5 for name, value in module.state_dict().items()})


def _hook(module):
    module.head.register_forward_hook(lambda module, given, said: said * 0.5)


CHANGES = {
    "an attribute": lambda module: setattr(module, "factor", module.factor * 0.5),
    "a list": lambda module: module.parts.insert(0, 0.5),
    "the share of dropout": lambda module: setattr(module.drop, "p", 0.6),
    "momentum of a norm": lambda module: setattr(module.norm, "momentum", 0.5),
    "freezing": lambda module: module.first.requires_grad_(not module.first.weight.requires_grad),
    "data": _new_data,
    "a parameter": _new_parameter,
    "a buffer": _new_buffer,
    "a layer": _new_layer,
    "values": _loaded,
    "a hook": _hook,
    "a method": lambda module: setattr(module, "forward", lambda x: module.head(torch.relu(module.first(x)))),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_from_outside_are_seen(name):
    ours, theirs = both(Net, X, Y, callbacks=[lambda: Between(CHANGES[name])], epochs=8)

    assert_same(ours, theirs)


def test_changes_between_steps_are_seen():
    class Halves(cb.Callback):
        def steps_until_due(self):
            return 1

        def between_steps(self, moment):
            if moment.epoch == 3 and moment.last == 2:
                self.model.module.factor = 0.5
                self.model.module.norm.eval()

    ours, theirs = both(Net, X, Y, callbacks=[Halves], epochs=6)

    assert ours.speed == "recorded"
    assert_same(ours, theirs)


def test_changes_by_a_generator_are_seen():
    def fitted(eagerly):
        torch.manual_seed(0)
        module = Net()

        def batches():
            for start in range(0, 48, 4):
                if start == 40:
                    module.factor *= 0.9
                yield X[start : start + 4], Y[start : start + 4]

        model = fd.Model(module).compile("adam", "mse", run_eagerly=eagerly)
        return model.fit(batches, epochs=4, verbose=0).history, module.state_dict()

    (ours, mine), (theirs, other) = fitted(False), fitted(True)

    assert ours == theirs
    assert all(torch.equal(value, other[name]) for name, value in mine.items())


def test_another_rule_of_the_optimizer_is_seen():
    class Exchange(cb.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.model.optimizer.rule = fd.optimizers.Adam(beta_1=0.5, clipnorm=0.01)

    assert_recorded(Net, X, Y, callbacks=[Exchange], epochs=6)


def test_constant_python_state_is_recorded():
    assert_recorded(Net, X, Y)


def test_a_failed_replay_goes_on_eagerly_with_a_warning(monkeypatch):
    from fitdash.engine.recording.program import torchscript

    run = torchscript.TorchScriptProgram.run

    def breaks(self, persistent, batches, numbers, count):
        left = run(self, persistent, batches, numbers, count)
        if count > 1:
            raise RuntimeError("broken")
        return left

    monkeypatch.setattr(torchscript.TorchScriptProgram, "run", breaks)
    with pytest.warns(UserWarning, match="goes on step by step"):
        ours, theirs = both(Net, X, Y, metrics=["mae"])

    assert "could not be replayed" in ours.speed
    assert_same(ours, theirs)


def test_a_wrong_program_is_refused_before_it_is_used(monkeypatch):
    from fitdash.engine.recording.program import torchscript

    build = torchscript.TorchScriptProgram.__init__

    def wrong(self, lines, *rest):
        build(self, [line.replace("beta1=0.9", "beta1=0.8") for line in lines], *rest)

    monkeypatch.setattr(
        torchscript, "TorchScriptProgram", type("Wrong", (torchscript.TorchScriptProgram,), {"__init__": wrong})
    )
    torchscript.compile_program.cache_clear()
    assert_eager(Net, X, Y, "differs in a replay")
