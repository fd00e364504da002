import pytest
import torch

import fitdash as fd
from fitdash import callbacks as kit

X, Y = torch.ones(8, 2), torch.ones(8, 1)


class Breaks(torch.nn.Module):
    """Raises Ctrl-C in a forward call, in training or in evaluation."""

    def __init__(self):
        super().__init__()
        self.layer, self.frozen = torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(2)
        self.breaks_in = None

    def forward(self, x):
        if self.breaks_in is self.training:
            raise KeyboardInterrupt
        return self.layer(self.frozen(x))


def made(mode, breaks_in=None):
    module = Breaks()
    module.train(mode)
    module.frozen.train(not mode)
    module.breaks_in = breaks_in
    return fd.Model(module).compile("sgd", "mse")


def modes(model):
    return [part.training for part in model.module.modules()]


def raising(*_):
    raise KeyboardInterrupt


HOOKS = ["on_train_begin", "on_epoch_begin", "on_train_batch_end", "on_test_begin", "on_epoch_end", "on_train_end"]


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("hook", HOOKS)
def test_14_6_after_ctrl_c_in_a_callback_each_layer_has_its_mode_back(mode, hook):
    model = made(mode)
    before = modes(model)

    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, validation_split=0.5, verbose=0, callbacks=kit.LambdaCallback(**{hook: raising}))

    assert modes(model) == before


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("breaks_in", [True, False])
def test_14_6_after_ctrl_c_in_a_batch_each_layer_has_its_mode_back(mode, breaks_in):
    model = made(mode, breaks_in)
    before = modes(model)

    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, validation_split=0.5, verbose=0)

    assert modes(model) == before


@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch", "evaluate", "predict", "predict_on_batch"])
@pytest.mark.parametrize("mode", [True, False])
def test_14_6_after_ctrl_c_in_other_methods_each_layer_has_its_mode_back(method, mode):
    model = made(mode, method == "train_on_batch")
    before = modes(model)

    with pytest.raises(KeyboardInterrupt):
        getattr(model, method)(*([X] if "predict" in method else [X, Y]))

    assert modes(model) == before


def test_14_4_a_fit_that_ends_leaves_the_module_in_eval_mode():
    model = made(True)

    model.fit(X, Y, verbose=0, epochs=1)

    assert not any(modes(model))
