"""The plan against what really ran: rows, batches, epochs, updates and validations, for settings drawn by chance."""

import random
import warnings

import numpy as np
import pytest

from fitdash.data.tables.loaded_dataset import load_dataset
from fitdash.data.tables.upload import save_upload
from fitdash.jobs.build import build
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.declaration import problems_in
from fitdash.settings.experiment import Experiment, plan_run
from fitdash.settings.fit import FitArgs
from fitdash.settings.network import NetworkArgs
from fitdash.settings.validation_data import HoldOut
from tests.pages.seen import Seen

DATA = ("moons", "blobs", "iris", "linnerud", "regimes", "diabetes", "digits_halves")


def fit_by_chance(dice, file):
    """Arguments of fit; validation from a share, rows held out in every way, or a file."""
    held = dice.choice((None, None, "stratified", "random", "last", "rows", "upload"))
    data = None
    if held == "rows":
        data = HoldOut(kind="last", rows=dice.randint(1, 30))
    elif held == "upload":
        data = HoldOut(kind="upload", content=file, filename="more.csv")
    elif held is not None:
        data = HoldOut(kind=held, share=dice.randint(2, 98) / 100)
    first = dice.choice((0, 0, 1, 3))
    return FitArgs(
        verbose=0,
        batch_size=dice.choice((None, 1, 7, 16, 20, 64, 2000)) if dice.random() < 0.9 else 3,
        epochs=first + dice.randint(1, 4),
        initial_epoch=first,
        steps_per_epoch=dice.choice((None, None, 1, 3, 8)),
        validation_split=dice.choice((0.0, 0.2, 0.33, 0.9)),
        validation_data=data,
        validation_steps=dice.choice((None, None, 1, 2, 50)),
        validation_batch_size=dice.choice((None, None, 5, 100)),
        validation_freq=dice.choice((1, 1, 2, 3, (1, 3), (2, 9))),
        shuffle=dice.choice((True, False, "batch")),
    )


def drawn(dice, home):
    """An experiment without problems, and its data in numbers as `build` sees them."""
    while True:
        name = dice.choice(DATA)
        data = DatasetArgs(name=name, samples=dice.randint(20, 90), order=dice.choice(("shuffled", "sorted")))
        table = load_dataset(name, samples=23).table.iloc[:23]
        file = save_upload(table.to_csv(index=False).encode(), home / "uploads")
        one = Experiment(
            data=data, network=NetworkArgs(width=2, depth=1), fit=fit_by_chance(dice, file), seed=dice.randint(0, 9)
        )
        facts = load_dataset(name, samples=data.samples).facts()
        heavy = name == "digits_halves" and (one.fit.batch_size or 32) < 16
        if not heavy and not problems_in(one, facts):
            return one


@pytest.mark.parametrize("seed", range(60))
def test_what_is_planned_is_what_runs(seed, home):
    experiment = drawn(random.Random(seed), home)
    built = build(experiment)
    planned = plan_run(experiment, built.data.facts)
    seen = Seen()
    built.model.module.register_forward_pre_hook(seen.note, with_kwargs=True)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*ran out of data.*")
        history = built.model.fit(**built.fit_arguments)

    trained = [_rows(x) for training, x in seen.batches if training]
    validated = [_rows(x) for training, x in seen.batches if not training]
    epochs = history.epoch
    assert (len(built.data.train), len(built.data.validation)) == (planned.train_rows, planned.val_rows)
    assert epochs == list(range(planned.first_epoch, planned.first_epoch + planned.epochs))
    assert len(trained) == planned.updates == planned.epochs * planned.steps
    assert len(history.history.get("val_loss", [])) == planned.validations
    assert len(validated) == planned.validations * planned.val_batches
    assert set(trained) <= {min(planned.batch_size, planned.train_rows), planned.last_batch}
    if planned.updates and planned.updates % planned.batches == 0:
        assert sum(trained) == planned.updates // planned.batches * planned.train_rows
    if planned.validations:
        assert sum(validated) / planned.validations / planned.val_rows == pytest.approx(planned.val_share)


@pytest.mark.parametrize("kind", ["split", "stratified", "random", "last"])
def test_the_rows_that_train_are_those_that_are_not_held_out(kind):
    held = {"validation_split": 0.3} if kind == "split" else {"validation_data": HoldOut(kind=kind, share=0.3)}
    experiment = Experiment(data=DatasetArgs(name="moons", samples=50), fit=FitArgs(verbose=0, epochs=1, **held))
    built = build(experiment)
    seen = Seen()
    built.model.module.register_forward_pre_hook(seen.note, with_kwargs=True)

    built.model.fit(**built.fit_arguments)

    whole = built.data.columns.encode(built.data.dataset.table)
    places = {row.tobytes(): place for place, row in enumerate(whole)}
    for was, rows in ((True, built.data.train), (False, built.data.validation)):
        found = [places[row.tobytes()] for training, x in seen.batches if training == was for row in x]
        assert sorted(found) == rows.tolist()
    assert np.intersect1d(built.data.train, built.data.validation).size == 0


def _rows(x):
    return len(next(iter(x.values())) if isinstance(x, dict) else x)
