"""Whether the live chart is shown: one rule for the engine and the page, over all that it depends on."""

from itertools import product

import pytest

from fitdash.model import view_metrics as viewer
from fitdash.settings.compile import CompileArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.view_metrics import explain_hidden_chart
from fitdash.ui.run.live_view import reasons_to_hide
from fitdash.ui.view_models.run_view import RunView
from tests.pages.conftest import charts
from tests.pages.test_form import by_key

COMBINATIONS = list(product((True, False), (True, False), (3, 1), (1, 0)))


def snapshot_of(experiment):
    return RunView(uid="x", name="x", state="running", experiment=experiment, params={}, rows=())


@pytest.mark.parametrize("view_metrics", [True, False, "auto", None])
def test_the_chart_is_shown_when_all_four_conditions_hold_or_it_is_forced(monkeypatch, view_metrics):
    attached = []
    monkeypatch.setattr(viewer, "find", lambda: "http://here" if attached else None)
    monkeypatch.setattr(viewer, "record_to_dashboard", lambda experiment, *, name: ["recorder"])
    in_force = "auto" if view_metrics is None else view_metrics

    for watched, metrics, epochs, verbose in COMBINATIONS:
        is_shown = in_force is True or (in_force == "auto" and watched and metrics and epochs > 1 and verbose > 0)
        attached[:] = ["dashboard"] if watched else []
        names = ("accuracy",) if metrics else ()
        fit = FitArgs(view_metrics=view_metrics, epochs=epochs, verbose=verbose)
        experiment = Experiment(fit=fit, compile=CompileArgs(metrics=names))

        reasons = explain_hidden_chart(in_force, viewer=watched, metrics=metrics, epochs=epochs, verbose=verbose)
        engine = viewer.make_script_recorders(
            in_force, metrics=metrics, epochs=epochs, verbose=verbose, name="x", experiment={}
        )
        page = reasons_to_hide(snapshot_of(experiment))

        case = (watched, metrics, epochs, verbose)
        assert (not reasons) == is_shown, case
        assert bool(engine) == is_shown, case
        if watched:
            assert page == reasons, case
        missing = [watched, metrics, epochs > 1, verbose > 0].count(False)
        assert len(reasons) == (0 if in_force is True else 1 if in_force is False else missing), case


@pytest.mark.parametrize(("value", "drawn"), [(False, []), (True, ["loss"]), ("auto", [])])
def test_view_metrics_decides_whether_a_chart_is_drawn_while_training(open_page, held_run, value, drawn):
    page = open_page(fit__epochs="10", fit__verbose="0 silent")
    by_key(page, "fit.view_metrics").set_value(value).run()
    chosen = by_key(page, "fit.view_metrics").value

    held_run(Experiment(fit=FitArgs(view_metrics=chosen, verbose=0)))
    page.run()

    assert charts(page) == drawn
