"""Repeats over seeds on the Compare page."""

from dataclasses import replace

from fitdash.runs.record import sweeps
from fitdash.settings.compile import CompileArgs
from fitdash.ui.session.server_resources import server_resources
from fitdash.ui.session.sweeper import sweeper
from tests.pages.conftest import SECONDS, texts, wait_for
from tests.pages.test_compare import FIRST, record
from tests.pages.test_sweep import drawn


def repeated(base, losses, first):
    for seed, loss in enumerate(losses):
        record(f"{first}{seed}".ljust(16, "0"), replace(base, seed=seed), losses=[1.0, loss])


def test_two_groups_of_repeats_are_drawn_and_judged(open_page):
    page = open_page()
    repeated(FIRST, [0.5, 0.52, 0.48, 0.51], "a")
    repeated(replace(FIRST, compile=CompileArgs(learning_rate=0.1)), [0.2, 0.22, 0.18, 0.21], "b")

    page.session_state["compare.chosen"] = ["a0".ljust(16, "0"), "b0".ljust(16, "0")]
    page.switch_page("pages/compare.py").run()

    assert not page.exception
    assert "compare-seeds" in drawn(page)
    assert "beyond the noise of the seeds" in texts(page)
    assert "exact permutation test" in texts(page)


def test_runs_without_repeats_have_no_band(open_page):
    page = open_page()
    record("a" * 16, FIRST)

    page.switch_page("pages/compare.py").run()

    assert not page.exception
    assert "compare-seeds" not in drawn(page)


def test_one_button_starts_the_repeats(open_page):
    page = open_page()
    record("a" * 16, replace(FIRST, data=replace(FIRST.data, name="iris"), fit=replace(FIRST.fit, epochs=2)))
    page.switch_page("pages/compare.py").run()

    page.number_input(key="compare.repeats").set_value(2).run()
    page.button(key="start_repeats").click().run()
    [sweep] = sweeps.all_sweeps(server_resources().store)
    wait_for(lambda: sweeper().join(sweep.uid, SECONDS))

    page.run()
    assert "compare-seeds" in drawn(page)
    runs = server_resources().store.runs(sweep=sweep.uid)
    assert {run.experiment["seed"] for run in runs} == {0, 1}
    assert {run.state for run in runs} == {"finished"}
    sweeper().shutdown(10)
