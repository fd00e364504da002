import pytest

from fitdash.engine.callbacks.base import Moment
from fitdash.engine.callbacks.terminate_on_nan import TerminateOnNaN


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_16_20_it_stops_after_the_batch_and_the_epoch_is_recorded(drive, bad, capsys):
    model = drive(
        TerminateOnNaN(),
        [{"loss": 1.0}, {"loss": bad}, {"loss": 1.0}],
        steps=4,
        batch_loss=lambda epoch, step: bad if (epoch, step) == (1, 2) else 1.0,
    )

    assert capsys.readouterr().out == "Batch 2: Invalid loss, terminating training\n"
    assert model.history.epoch == [0, 1]
    assert model.stop_training
    assert model.weight == 1.75
    assert [(event["kind"], event["batch"]) for event in model.told] == [("nan", 2)]


def test_16_20_a_finite_or_missing_loss_goes_on(stand_in):
    callback = TerminateOnNaN()
    callback.set_model(stand_in())

    for logs in ({"loss": 1e300}, {"accuracy": float("nan")}):
        callback.between_steps(Moment(epoch=0, first=0, last=0, steps=1, logs=lambda logs=logs: logs))

    assert not callback.model.stop_training


def test_16_20_it_can_raise_instead(drive):
    with pytest.raises(RuntimeError, match="The loss of batch 0 in epoch 1 is nan."):
        drive(TerminateOnNaN(raise_error=True), [{"loss": float("nan")}])
