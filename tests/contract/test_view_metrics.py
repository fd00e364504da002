"""view_metrics, as far as it shows without a dashboard (contract 18)."""

import pytest

import fitdash as fd
from fitdash.model import view_metrics as viewer
from fitdash.settings.view_metrics import explain_hidden_chart
from tests.contract.networks import linear, xy

X, Y = xy(10)
HOLDS = {"viewer": True, "metrics": True, "epochs": 2, "verbose": 1}


@pytest.fixture
def asked(monkeypatch):
    """What fit asks of the viewer, which shows nothing."""
    seen = []
    monkeypatch.setattr(
        viewer, "make_script_recorders", lambda view_metrics, **facts: seen.append((view_metrics, facts)) or []
    )
    return seen


@pytest.mark.parametrize(("given", "meant"), [(True, True), (False, False), ("auto", "auto"), (None, "auto")])
def test_18_1_true_and_false_force_and_none_is_the_option(asked, given, meant):
    linear().fit(X, Y, epochs=1, view_metrics=given, verbose=0)

    assert [view_metrics for view_metrics, _ in asked] == [meant]


@pytest.mark.parametrize("option", [True, False])
def test_18_1_the_option_is_read_when_fit_is_called(asked, monkeypatch, option):
    monkeypatch.setattr(fd.options, "view_metrics", option)

    linear().fit(X, Y, epochs=1, verbose=0)

    assert asked[0][0] is option


@pytest.mark.parametrize("given", ["yes", 2, 0.5, []])
def test_18_1_other_values_are_refused(given):
    with pytest.raises(ValueError, match='view_metrics must be True, False or "auto", got'):
        linear().fit(X, Y, view_metrics=given, verbose=0)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"verbose": "auto"}, None),
        ({"verbose": 2}, None),
        ({"viewer": False}, "nobody is watching"),
        ({"metrics": False}, "no metrics"),
        ({"epochs": 1}, "epochs is not above 1"),
        ({"verbose": 0}, "verbose is 0"),
    ],
)
def test_18_2_auto_shows_the_plot_only_if_all_conditions_hold(changed, reason):
    reasons = explain_hidden_chart("auto", **HOLDS | changed)

    assert (reasons == []) if reason is None else (len(reasons) == 1 and reason in reasons[0])


@pytest.mark.parametrize("view_metrics", [True, False])
def test_18_2_forcing_needs_no_condition(view_metrics):
    reasons = explain_hidden_chart(view_metrics, viewer=False, metrics=False, epochs=1, verbose=0)

    assert reasons == ([] if view_metrics else ["view_metrics is off"])


def test_18_2_fit_tells_the_conditions(asked):
    linear(metrics=["mae"]).fit(X, Y, epochs=3, verbose=0)
    linear(weighted_metrics=["mae"]).fit(X, Y, epochs=1, verbose=0)
    linear().fit(X, Y, epochs=1, verbose=0)

    told = [(facts["metrics"], facts["epochs"], facts["verbose"]) for _, facts in asked]
    assert told == [(True, 3, 0), (True, 1, 0), (False, 1, 0)]


def test_18_3_a_watcher_sees_each_epoch_once_after_the_callers_callbacks_with_the_numbers_of_the_history():
    seen = []

    class Watcher(fd.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((epoch, dict(logs)))

    model = linear(metrics=["mae"])
    model.watchers = [Watcher()]
    late = fd.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(mine=float(epoch)))
    history = model.fit(X, Y, epochs=3, validation_split=0.2, validation_freq=2, callbacks=late, verbose=0)

    assert [epoch for epoch, _ in seen] == [0, 1, 2]
    assert all(logs["mine"] == epoch for epoch, logs in seen)
    assert [logs["loss"] for _, logs in seen] == history.history["loss"]
    assert [epoch for epoch, logs in seen if "val_loss" in logs] == [1]


def test_18_4_without_a_viewer_auto_starts_and_prints_nothing(monkeypatch, capsys):
    monkeypatch.setattr(viewer, "find_or_start", lambda: pytest.fail("a dashboard was started"))

    linear(metrics=["mae"]).fit(X, Y, epochs=2, verbose=2)

    assert "Watch" not in capsys.readouterr().out


def test_18_4_what_goes_wrong_is_one_warning_and_training_goes_on(monkeypatch):
    def fail():
        raise OSError("no port is free")

    monkeypatch.setattr(viewer, "find_or_start", fail)

    with pytest.warns(UserWarning, match="view_metrics cannot show this fit: no port is free") as told:
        history = linear().fit(X, Y, epochs=2, view_metrics=True, verbose=0)

    assert (len(told), history.epoch) == (1, [0, 1])
