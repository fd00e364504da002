"""Epochs out of passes (contract 12)."""

import pytest
import torch

from fitdash.data.batches.epochs import EpochBatches, EvaluationBatches
from fitdash.data.batches.make_source import make_source
from fitdash.data.batches.source import DeviceAndDtype
from fitdash.errors import DataError

CPU = DeviceAndDtype(torch.device("cpu"), torch.float32)


def batches(n):
    """n batches of one row that count from 1."""
    return [(torch.full((1, 1), float(i)), torch.zeros(1, 1)) for i in range(1, n + 1)]


def passes(data, steps=None):
    return EpochBatches(make_source(data, target=CPU), steps)


def epoch(passes):
    return [int(batch.x) for batch in passes.epoch()]


@pytest.mark.parametrize(
    ("steps", "epochs"),
    [(2, [[1, 2], [3, 1], [2, 3]]), (5, [[1, 2, 3, 1, 2], [3, 1, 2, 3, 1]]), (3, [[1, 2, 3], [1, 2, 3]])],
)
def test_12_3_data_that_can_begin_again_fills_every_epoch(steps, epochs):
    data = passes(_Loader(batches(3)), steps)

    assert [epoch(data) for _ in epochs] == epochs


def test_12_1_without_steps_an_epoch_is_a_pass():
    data = passes(_Loader(batches(3)))

    assert (data.steps, epoch(data), epoch(data)) == (3, [1, 2, 3], [1, 2, 3])


def test_12_1_an_unknown_length_is_learned_from_the_first_pass():
    data = passes(lambda: iter(batches(3)))

    assert data.steps is None
    assert epoch(data) == [1, 2, 3]
    assert data.steps == 3


def test_12_5_an_iterator_that_ends_in_mid_epoch_warns_and_ends_it():
    data = passes(iter(batches(3)), 2)

    assert (data.has_more(), epoch(data), data.has_more()) == (True, [1, 2], True)
    with pytest.warns(UserWarning, match="ran out of data after 1 of 2 steps"):
        assert epoch(data) == [3]
    assert not data.has_more()


def test_12_6_no_batch_is_drawn_that_is_not_used_but_one():
    drawn = []

    def generator():
        for batch in batches(10):
            drawn.append(int(batch[0]))
            yield batch

    data = passes(generator(), 2)
    data.has_more()
    epoch(data)
    assert drawn == [1, 2]

    data.has_more()
    assert drawn == [1, 2, 3]
    assert epoch(data) == [3, 4]


def test_12_9_an_error_of_the_generator_comes_through():
    def generator():
        yield batches(1)[0]
        raise ZeroDivisionError("mine")

    data = passes(generator())

    with pytest.raises(ZeroDivisionError, match="mine"):
        epoch(data)


def test_a_pass_that_gives_nothing_is_not_repeated_for_ever():
    assert epoch(passes(lambda: iter([]), 2)) == []


@pytest.mark.parametrize("nothing", [iter([]), []], ids=["iterator", "sized"])
def test_7_12_data_that_is_known_to_be_empty_is_refused(nothing):
    data = passes(_Loader(nothing) if isinstance(nothing, list) else nothing)

    with pytest.raises(DataError, match="empty"):
        data.refuse_empty()


def test_11_12_validation_steps_begin_with_the_first_batch_each_time():
    window = EvaluationBatches(make_source(_Loader(batches(3)), target=CPU), 2)

    assert [epoch(window), epoch(window)] == [[1, 2], [1, 2]]


def test_11_13_more_validation_steps_than_batches_warn_once():
    window = EvaluationBatches(make_source(_Loader(batches(3)), target=CPU), 5)

    with pytest.warns(UserWarning, match="ran out of data") as told:
        assert [epoch(window), epoch(window)] == [[1, 2, 3], [1, 2, 3]]
    assert len(told) == 1


def test_11_14_an_iterator_goes_on_where_it_stopped():
    window = EvaluationBatches(make_source(iter(batches(4)), target=CPU), 2)

    assert [epoch(window), epoch(window)] == [[1, 2], [3, 4]]
    with pytest.warns(UserWarning, match="ran out of data") as told:
        assert [epoch(window), epoch(window)] == [[], []]
    assert len(told) == 1


@pytest.mark.parametrize("kind", ["iterator", "function", "sized"])
def test_11_15_an_empty_window_is_refused(kind):
    nothing = {"iterator": iter([]), "function": lambda: iter([]), "sized": _Loader([])}[kind]
    window = EvaluationBatches(make_source(nothing, target=CPU))

    with pytest.raises(DataError, match="empty"):
        window.refuse_empty()


class _Loader:
    """An iterable of batches with a length."""

    def __init__(self, batches):
        self.kept = batches

    def __len__(self):
        return len(self.kept)

    def __iter__(self):
        return iter(self.kept)
