import pytest

from fitdash.settings.view_metrics import explain_hidden_chart

ALL = {"viewer": True, "metrics": True, "epochs": 2, "verbose": 1}


def test_18_2_auto_shows_the_chart_when_all_four_conditions_hold():
    assert explain_hidden_chart("auto", **ALL) == []
    assert explain_hidden_chart("auto", **ALL | {"verbose": "auto"}) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"viewer": False}, "nobody is watching: no dashboard or notebook is attached"),
        ({"metrics": False}, "compile was given no metrics"),
        ({"epochs": 1}, "epochs is not above 1"),
        ({"verbose": 0}, "verbose is 0"),
        ({"verbose": False}, "verbose is 0"),
    ],
)
def test_18_2_auto_names_the_condition_that_fails(change, reason):
    assert explain_hidden_chart("auto", **ALL | change) == [reason]


def test_18_2_all_failing_conditions_are_named():
    assert len(explain_hidden_chart("auto", viewer=False, metrics=False, epochs=1, verbose=0)) == 4


def test_18_1_true_and_false_force_it():
    assert explain_hidden_chart(True, viewer=False, metrics=False, epochs=1, verbose=0) == []
    assert explain_hidden_chart(False, **ALL) == ["view_metrics is off"]
