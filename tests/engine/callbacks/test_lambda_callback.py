import pytest

from fitdash.engine.callbacks.callback_list import CallbackList
from fitdash.engine.callbacks.lambda_callback import LambdaCallback


def test_16_23_any_hook_can_be_a_function(drive):
    trace = []
    callback = LambdaCallback(
        on_train_begin=lambda logs: trace.append("begin"),
        on_epoch_begin=lambda epoch, logs: trace.append(epoch),
        on_epoch_end=lambda epoch, logs: trace.append(logs["loss"]),
        on_train_end=lambda logs: trace.append(logs),
    )

    drive(callback, [{"loss": 1.0}, {"loss": 0.5}])

    assert trace == ["begin", 0, 1.0, 1, 0.5, {"loss": 0.5}]


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_batch_end"])
def test_16_23_only_given_hooks_count_as_overridden(stand_in, hook):
    told = CallbackList([LambdaCallback(**{hook: lambda batch, logs: seen.append((batch, logs))})], stand_in(), {})
    seen = []

    told.on_train_batch_end(3, {"loss": 1.0})
    told.on_train_batch_begin(3)

    assert seen == [(3, {"loss": 1.0})]
    assert told.watches_train_batches
    assert not told.watches_test_batches
    empty = LambdaCallback(on_train_batch_end=None, on_epoch_end=lambda epoch, logs: None)
    assert not CallbackList([empty], stand_in(), {}).watches_train_batches


def test_16_23_unknown_hooks_are_refused_with_a_hint():
    with pytest.raises(TypeError, match="LambdaCallback has no hook 'on_epoch_ends'. Did you mean 'on_epoch_end'?"):
        LambdaCallback(on_epoch_ends=print)
    with pytest.raises(TypeError, match="LambdaCallback has no hook 'set_model'."):
        LambdaCallback(set_model=print)


def test_16_23_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="LambdaCallback on_train_end must be a function, got 5."):
        LambdaCallback(on_train_end=5)
