"""Runs in words."""

import json

import pytest

from fitdash.runs.record.records import RunLine
from fitdash.runs.record.run_text import (
    align_columns,
    format_run_duration,
    run_table,
    to_strict_json,
    uid_prefix_length,
)

RUN = RunLine("a" * 16, "name", "finished", 10.0, 20.0, 30.0, 1, None, None, None, "{}")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (60.0, "1:00"), (3599.9, "59:59"), (43400.0, "12:03:20")]
)
def test_a_time_is_told_in_the_unit_that_fits(seconds, words):
    assert format_run_duration(RUN._replace(started=100.0, ended=100.0 + seconds), 0.0) == words


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"started": None, "state": "queued", "ended": None}, ""),
        ({"state": "running", "ended": None}, "5.0 s"),
        ({"state": "running", "ended": None, "started": 99.0}, "0.0 s"),
    ],
)
def test_a_run_without_an_end_lasts_until_now(facts, words):
    assert format_run_duration(RUN._replace(**facts), 25.0) == words


@pytest.mark.parametrize(
    ("uids", "letters"), [([], 8), (["abc"], 8), (["0123456789", "0123456780"], 10), (["a" * 16, "b" * 16], 8)]
)
def test_uids_are_told_apart_by_as_few_letters_as_it_takes(uids, letters):
    assert uid_prefix_length(uids) == letters


def test_columns_stand_under_each_other():
    assert align_columns([("a", "10"), ("bcd", "9")], right=(1,)) == ["a    10", "bcd   9"]


def test_a_name_cannot_steer_the_terminal():
    line = run_table([RUN._replace(name="\x1b[2Jtwo\nlines")], [], now=0.0)[1]

    assert line.endswith("[2Jtwo lines")
    assert line.isprintable()


def test_json_has_null_where_a_number_is_not_finite():
    text = to_strict_json({"a": [float("nan"), float("inf"), 0.1 + 0.2], "b": {"c": -float("inf")}, "ä": None})

    assert json.loads(text) == {"a": [None, None, 0.30000000000000004], "b": {"c": None}, "ä": None}
    assert "ä" in text
