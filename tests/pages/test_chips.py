"""What the page says of a curve, and the change that one click makes."""

import threading

import pytest

from fitdash.engine.callbacks.base import Callback
from fitdash.settings.compile import CompileArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from tests.pages.conftest import texts, until, wait_for


def badges(page):
    return [element.proto.body for element in page.markdown if "-badge[" in element.proto.body]


def told_run(losses, vals=None, gate=None, facts=None):
    """A job that tells these losses, and waits where there is a gate."""

    def job(recorder, control):
        recorder.set_model(Callback())
        recorder.set_params({"epochs": len(losses)})
        recorder.on_train_begin()
        if facts is not None:
            recorder.on_tell({"epoch": 0, **facts})
        for epoch, loss in enumerate(losses):
            recorder.on_epoch_begin(epoch)
            recorder.on_epoch_end(epoch, {"loss": loss} | ({"val_loss": vals[epoch]} if vals else {}))
        if gate is not None:
            gate.wait(60)

    return job


@pytest.fixture
def shown(own_server, open_page):
    """A page that shows a run with these losses."""

    def opened(losses, vals=None, experiment=None, facts=None):
        server = own_server()
        run = server.runner.submit(
            told_run(losses, vals, facts=facts), experiment=(experiment or Experiment()).to_dict(), name="told"
        )
        assert run.join(60)
        server.writer.flush(10)
        return open_page(run=run.uid)

    return opened


def test_a_diverged_run_offers_a_smaller_learning_rate_and_one_click_sets_it(shown):
    page = shown([2.0, 90.0, float("nan")], [2.0, 3.0, 4.0])
    assert "The loss is not a number in epoch 3, 90.00 the epoch before" in texts(page)

    page.button(key="set-diverged").click().run()

    assert not page.exception
    assert page.number_input(key="compile.learning_rate").value == 0.0001
    assert "It is set in the form: press Fit." in texts(page)


def test_where_nothing_is_held_out_one_click_holds_out_a_stratified_fifth(shown):
    page = shown([1.0, 0.8])

    page.button(key="set-nothing_held_out").click().run()

    assert page.selectbox(key="fit.validation_data").value == "stratified"
    assert page.number_input(key="fit.validation_data.share").value == 0.2


def test_a_change_that_a_run_can_take_now_is_handed_to_it(own_server, open_page):
    gate, server = threading.Event(), own_server()
    experiment = Experiment(compile=CompileArgs(learning_rate=50.0)).to_dict()
    run = server.runner.submit(told_run([2.0, float("nan")], gate=gate), experiment=experiment, name="held")
    wait_for(lambda: len(server.store.epochs(run.uid)) == 2)
    page = open_page(run=run.uid)

    page.button(key="set-diverged").click().run()
    wanted = run.control.take_wanted()
    gate.set()

    assert not page.exception
    assert wanted == [("learning_rate", 5.0)]


def test_a_doubt_is_said(shown):
    vals = [1.0, 0.7, 0.5, 0.4, *[0.39] * 8]
    page = shown([1 / (epoch + 1) ** 3 for epoch in range(12)], vals)

    assert any("Overfits since epoch" in badge and "not sure" in badge for badge in badges(page))


@pytest.mark.parametrize(
    ("fit", "told"), [(FitArgs(), True), (FitArgs(class_weight="balanced"), False)], ids=["plain", "weighted"]
)
def test_the_trivial_answer_is_the_measure_unless_weights_move_the_loss(shown, fit, told):
    answers = {"loss": {"text": "the share of each class", "value": 1.1}}
    page = shown([1.05] * 12, [1.12] * 12, Experiment(fit=fit), facts={"kind": "trivial", "answers": answers})

    assert (
        "The validation loss is 1.120; the trivial answer, which looks at no input, has 1.100" in texts(page)
    ) is told


def test_a_class_that_is_held_out_whole_asks_for_a_stratified_part(open_page):
    page = open_page(data__name="iris", data__order="sorted", fit__validation_split="0.34", pace="full speed")
    page.button(key="fit").click().run()
    until(page, "Never predicts the class virginica")
    # Always virginica would be right on all rows that are held out: no measure for the training loss.
    assert "Learning rate too high" not in texts(page)

    page.button(key="set-neglected").click().run()

    assert page.selectbox(key="fit.validation_data").value == "stratified"
