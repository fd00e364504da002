"""What a list of runs shows of each."""

import math

import pytest

from fitdash.runs.record.summary import add_epoch, pack_summary, unpack_summary


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


@pytest.mark.parametrize(
    "summary",
    [
        add_epoch({}, 0, {"loss": 0.1}, seconds=0.5),
        add_epoch(add_epoch({}, 0, {"loss": 0.1 + 0.2}, 0.5), 123_456_789, {"loss": 0.5, "größe": -0.0}, 0.25),
        add_epoch({}, 7, {"a": math.inf, "b": -math.inf, "c": 1e-300}),
    ],
    ids=["one epoch", "two epochs", "what is not finite"],
)
def test_a_summary_is_kept_as_numbers_without_loss(summary):
    kept = pack_summary(summary)

    assert isinstance(kept, bytes)
    assert unpack_summary(kept) == summary
    assert repr(unpack_summary(kept)) == repr(summary)


def test_a_log_that_was_never_a_number_is_kept_without_lowest_and_highest():
    summary = add_epoch({}, 0, {"loss": math.nan, "accuracy": 0.5})

    assert isinstance(pack_summary(summary), bytes)
    assert repr(unpack_summary(pack_summary(summary))) == repr(summary)


@pytest.mark.parametrize(
    "summary",
    [
        {},
        {"epochs": 1, "epoch": 0, "logs": {"loss": {"last": 0.5}}},
        {"epochs": 1, "epoch": 0, "seconds": 0.5, "logs": {}},
        add_epoch({}, 0, {"loss": 1}, 0.5),
        add_epoch({}, 0, {"loss": "?"}, 0.5),
        add_epoch({}, 0, {"a\0b": 0.5}, 0.5),
        add_epoch({}, 0, {"": 0.5}, 0.5),
        add_epoch({}, 0, {"x" * 70_000: 0.5}, 0.5),
        add_epoch(add_epoch({}, 0, {"loss": 0.5}, 0.5), 1, {"loss": True}, 0.5),
    ],
    ids=["nothing", "no seconds", "no logs", "integer", "text", "zero byte", "no name", "long name", "truth"],
)
def test_what_is_no_plain_number_is_kept_as_text(summary):
    kept = pack_summary(summary)

    assert isinstance(kept, str)
    assert repr(unpack_summary(kept)) == repr(summary)
