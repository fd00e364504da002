"""Going on with a run that validates on a second file, or weighs its rows by one."""

import pytest

from fitdash.data.tables.builtin import load_bundled
from fitdash.data.tables.upload import save_upload
from fitdash.errors import DataError
from fitdash.jobs.launch import resume_run
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut
from tests.jobs.test_resume import cut, gone_on, logs, whole


def goes_on_until_it_is_gone(store, runner, experiment, file, filename):
    """A run that was cut goes on to the same numbers; without the file it is refused, and stays as it was."""
    expected = whole(runner, experiment)
    uid = cut(runner, experiment, 3)
    gone_on(runner, uid)
    assert logs(store, uid) == logs(store, expected)

    uid = cut(runner, experiment, 3)
    file.unlink()
    with pytest.raises(DataError, match=f"{filename} must be uploaded again"):
        resume_run(runner, uid)
    assert store.run(uid).state == "stopped"


def test_a_run_goes_on_with_its_validation_file_or_is_refused_in_words(home, store, runner):
    content = save_upload(
        load_bundled("iris").table.iloc[:20].to_csv(index=False).encode(), home / "uploads", "more.csv"
    )
    held = HoldOut(kind="upload", content=content, filename="more.csv")
    experiment = Experiment(data=DatasetArgs(name="iris"), fit=FitArgs(epochs=3, verbose=0, validation_data=held))
    goes_on_until_it_is_gone(store, runner, experiment, home / "uploads" / content, "more.csv")


def test_a_run_goes_on_with_its_file_of_weights_or_is_refused_in_words(home, store, runner):
    text = "weight\n" + "\n".join(str(row % 5) for row in range(150)) + "\n"
    content = save_upload(text.encode(), home / "uploads", "w.csv", least_columns=1)
    fit = FitArgs(epochs=3, verbose=0, sample_weight=f"upload(w.csv, {content})")
    experiment = Experiment(data=DatasetArgs(name="iris"), fit=fit)
    goes_on_until_it_is_gone(store, runner, experiment, home / "uploads" / content, "w.csv")
