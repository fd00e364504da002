"""Classes that are never the answer."""

import numpy as np
import pytest

from fitdash.charts.unpredicted_classes import ClassCounts, find_unpredicted_classes

NAMES = ("cat", "dog", "owl")
SAMPLES = np.array([40, 30, 12])


def asked(*answers, first=6):
    return [ClassCounts(epoch=first + n, samples=SAMPLES, answers=np.array(one)) for n, one in enumerate(answers)]


def found(looks, trained=(90, 80, 20), *, is_over=True, is_weighted=False):
    return find_unpredicted_classes(looks, NAMES, np.array(trained), is_over=is_over, is_weighted=is_weighted)


def test_a_class_that_is_the_answer_to_nothing_is_told_since_its_epoch_with_a_balance_to_try():
    (told,) = found(asked([40, 40, 2], [50, 32, 0], [50, 32, 0], [52, 30, 0]))

    assert (told.epoch, told.is_sure) == (7, True)
    assert told.name == "Never predicts the class owl"
    assert told.text == "None of the 12 samples of owl was predicted as such since epoch 7."
    assert told.change.settings == {"fit.class_weight": "balanced"}


def test_where_one_class_is_the_answer_to_all_it_is_named():
    (told,) = found(asked([82, 0, 0], [82, 0, 0], [82, 0, 0]))

    assert told.name == "Never predicts the classes dog, owl"
    assert told.text == "Every sample is predicted as cat since epoch 6."


@pytest.mark.parametrize(
    ("trained", "is_weighted"), [((90, 80, 20), True), ((60, 65, 63), False)], ids=["weighted", "not rare"]
)
def test_what_is_balanced_already_gets_another_proposal(trained, is_weighted):
    (told,) = found(asked([50, 32, 0]), trained=trained, is_weighted=is_weighted)

    assert told.change.text == "Try more epochs, or a larger network."


def test_a_class_that_was_never_trained_on_asks_for_another_split():
    (told,) = found(asked([50, 32, 0]), trained=(90, 80, 0))

    assert told.text == "None of the training rows is owl: all of them are held out."
    assert told.change.settings["fit.validation_data"] == "stratified"


def test_it_is_not_sure_after_one_look_and_says_so_when_the_run_is_over():
    (told,) = found(asked([50, 32, 0]))

    assert not told.is_sure
    assert found(asked([50, 32, 0]), is_over=False) == []


def test_a_run_that_goes_on_has_some_epochs_to_find_its_classes():
    looks = asked([50, 32, 0], [50, 32, 0], [50, 32, 0], first=5)

    assert found(looks, is_over=False) == []
    assert found(looks)[0].is_sure


@pytest.mark.parametrize(
    "looks",
    [
        [],
        asked([40, 30, 12]),
        asked([82, 0, 0], first=4),
        [ClassCounts(epoch=20, samples=np.array([40, 40, 2]), answers=np.array([40, 42, 0]))],
    ],
    ids=["none", "all predicted", "too early", "too few samples"],
)
def test_nothing_is_said_without_reason(looks):
    assert found(looks) == []
