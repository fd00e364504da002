import sys

import pytest

from fitdash.engine.callbacks.callback_list import CallbackList
from fitdash.engine.callbacks.tensorboard import TensorBoard

LOGS = [{"loss": 1.0, "val_loss": 2.0}, {"loss": 0.5, "val_loss": 1.5}]


def scalars(folder):
    """Tag → [(step, value), …] of the event files in a folder, as TensorBoard reads them."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder)).Reload()
    return {tag: [(one.step, one.value) for one in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_16_27_epoch_scalars_of_training_and_validation(drive, tmp_path):
    drive(TensorBoard(tmp_path), LOGS, initial_epoch=3)

    rate = pytest.approx(0.1)
    assert scalars(tmp_path / "train") == {
        "epoch_loss": [(3, 1.0), (4, 0.5)],
        "epoch_learning_rate": [(3, rate), (4, rate)],
    }
    assert scalars(tmp_path / "validation") == {"epoch_loss": [(3, 2.0), (4, 1.5)]}


@pytest.mark.parametrize(
    ("freq", "steps"), [("batch", [1, 2, 3, 4, 5, 6]), (1, [1, 2, 3, 4, 5, 6]), (2, [2, 4, 6]), (4, [4])]
)
def test_16_27_running_values_every_few_batches(drive, tmp_path, freq, steps):
    drive(TensorBoard(tmp_path, update_freq=freq), LOGS, steps=3, batch_loss=lambda epoch, step: 10.0 * epoch + step)

    values = [(step, 10.0 * ((step - 1) // 3) + (step - 1) % 3) for step in steps]
    assert scalars(tmp_path / "train")["batch_loss"] == values


def test_16_27_it_names_the_step_it_must_see():
    assert TensorBoard(update_freq=6).steps_until_due() == 6
    assert TensorBoard().steps_until_due() is None


def test_16_27_an_evaluation_is_written_by_steps_trained(stand_in, tmp_path):
    told = CallbackList([TensorBoard(tmp_path)], stand_in(), {})

    told.on_test_begin()
    told.on_test_end({"loss": 0.25})

    assert scalars(tmp_path / "validation") == {"evaluation_loss_vs_iterations": [(0, 0.25)]}


def test_16_27_speed_and_histograms_can_be_added(drive, tmp_path):
    drive(TensorBoard(tmp_path, histogram_freq=1, write_steps_per_second=True), LOGS)

    assert [step for step, _ in scalars(tmp_path / "train")["epoch_steps_per_second"]] == [0, 1]
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(tmp_path / "train"), {"histograms": 0}).Reload()
    assert [one.step for one in events.Histograms("weight/histogram")] == [0, 1]


def test_16_27_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)

    with pytest.raises(ImportError, match=r"needs the package tensorboard. Install it: pip install"):
        TensorBoard()


def test_16_27_settings_without_effect_are_named(tmp_path):
    with pytest.warns(UserWarning, match="TensorBoard ignores write_images, profile_batch:"):
        TensorBoard(tmp_path, write_images=True, profile_batch=(1, 2))


def test_16_27_other_frequencies_are_refused():
    with pytest.raises(ValueError, match='TensorBoard update_freq must be "epoch" or "batch" or a number of batches'):
        TensorBoard(update_freq="step")
