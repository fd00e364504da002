"""What bars and lines count where an epoch ends before its last step."""

import pytest
import torch

import fitdash as fd
from fitdash import callbacks as kit

X, Y = torch.ones(40, 2), torch.ones(40, 1)


class Short(torch.utils.data.IterableDataset):
    """Promises 40 samples and gives 20."""

    def __len__(self):
        return 40

    def __iter__(self):
        return zip(X[:20], Y[:20], strict=True)


def loader():
    return torch.utils.data.DataLoader(Short(), 4)


def batches(count):
    return ((X[:4], Y[:4]) for _ in range(count))


def stopper(flag, hook):
    callback = kit.LambdaCallback(**{hook: lambda batch, logs: setattr(callback.model, flag, batch == 1)})
    return callback


@pytest.fixture
def model():
    return fd.Model(torch.nn.Linear(2, 1)).compile("sgd", "mse")


def counts(capsys):
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("Epoch")]
    return [line.split()[0] for line in lines]


each_verbose = pytest.mark.parametrize("verbose", [1, 2])


@each_verbose
def test_17_4b_a_loader_that_ends_before_its_length(model, capsys, verbose):
    with pytest.warns(UserWarning, match="ran out of data after 5 of 10 steps") as caught:
        model.fit(loader(), epochs=3, verbose=verbose)

    assert counts(capsys) == ["5/10"] * 3
    assert len(caught) == 1


@each_verbose
def test_17_4b_an_iterator_that_ends_before_steps_per_epoch(model, capsys, verbose):
    with pytest.warns(UserWarning, match="ran out of data after 5 of 10 steps"):
        model.fit(batches(5), steps_per_epoch=10, epochs=1, verbose=verbose)

    assert counts(capsys) == ["5/10"]


@each_verbose
def test_17_4b_a_callback_that_stops_the_epoch(model, capsys, verbose):
    model.fit(X, Y, 10, 3, verbose=verbose, callbacks=stopper("stop_training", "on_train_batch_end"))

    assert counts(capsys) == ["2/4"]


@each_verbose
def test_17_4b_unknown_numbers_of_steps_are_those_that_ran(model, capsys, verbose):
    lengths = iter([9, 3, 5, 2, 2])
    model.fit(lambda: batches(next(lengths)), epochs=3, verbose=verbose, validation_data=(X, Y))

    assert counts(capsys) == [f"{n}/{n}" for n in (9, 3, 5)]


@each_verbose
def test_17_4b_evaluate_and_predict(model, capsys, verbose):
    model.evaluate(X, Y, 10, verbose=verbose, callbacks=stopper("stop_evaluating", "on_test_batch_end"))
    with pytest.warns(UserWarning, match="ran out of data after 3 of 9"):
        model.evaluate(batches(3), steps=9, verbose=verbose)
    with pytest.warns(UserWarning, match="ran out of data after 5 of 10"):
        model.predict(loader(), verbose=verbose)

    assert counts(capsys) == ["2/4", "3/9", "5/10"]
