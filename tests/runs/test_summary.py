"""What a list of runs shows of each."""

import math

from fitdash.runs.summary import add_epoch


def test_the_summary_keeps_last_lowest_and_highest_with_their_epochs():
    summary = {}
    for epoch, loss in enumerate([3.0, 1.0, 2.0]):
        summary = add_epoch(summary, epoch, {"loss": loss}, seconds=0.5)

    assert summary == {
        "epochs": 3,
        "epoch": 2,
        "seconds": 1.5,
        "logs": {"loss": {"last": 2.0, "min": 1.0, "min_epoch": 1, "max": 3.0, "max_epoch": 0}},
    }


def test_nan_is_a_last_value_but_never_a_lowest():
    summary = add_epoch(add_epoch({}, 0, {"loss": math.nan}), 1, {"loss": 4.0})
    summary = add_epoch(summary, 2, {"loss": math.nan})

    entry = summary["logs"]["loss"]
    assert math.isnan(entry.pop("last"))
    assert entry == {"min": 4.0, "min_epoch": 1, "max": 4.0, "max_epoch": 1}


def test_a_log_that_was_not_told_this_time_keeps_its_entry():
    summary = add_epoch(add_epoch({}, 0, {"loss": 1.0, "val_loss": 2.0}), 1, {"loss": 0.5})

    assert summary["logs"]["val_loss"]["last"] == 2.0
