"""A sweep in a real browser: watched, one trial chosen, the server killed in the middle of it."""

import re
from contextlib import suppress

import pytest
from playwright.sync_api import expect

from fitdash.runs.record import sweeps
from fitdash.runs.record.store import Store
from tests.browser.conftest import Server, wait_for

pytestmark = pytest.mark.browser

LINK = (
    "sweep?data.name=digits&fit.epochs=100&network.width=200&fit.validation_split=0.2"
    "&several.compile.learning_rate=1e-3..1e-1+log&sweep.trials=12&sweep.sampler=random&sweep.pruner=none"
)
TICK = {"x": 16, "y": 55}
"""Where the box of the newest trial is in the table."""


def trials(server, *states):
    with Store(server.home / "runs.db") as store:
        return [run for one in sweeps.all_sweeps(store) for run in store.runs(sweep=one.uid, states=states)]


def choose(table, use):
    """Tick the newest trial, as a reader does: once more where a new trial has just come in between."""

    def chosen():
        table.click(position=TICK)
        with suppress(AssertionError):
            expect(use).to_be_enabled(timeout=4_000)
            return True
        return False

    wait_for(chosen)


def test_a_chosen_trial_stays_chosen_and_a_killed_server_costs_a_start(context, tmp_path):
    server = Server(tmp_path)
    try:
        page = context.new_page()
        page.goto(f"{server.url}/{LINK}")
        page.get_by_role("button", name="Start sweep").click()
        wait_for(lambda: trials(server, "finished"), server.process)

        table = page.get_by_test_id("stDataFrame").last
        use = page.get_by_role("button", name="Use in Train").last
        retry = page.get_by_role("button", name="Retry trial")
        expect(page.locator(".st-key-sweep-state")).to_contain_text(re.compile("[1-9] of 12 trials"))
        choose(table, use)
        expect(retry).to_be_enabled()  # it has ended, and others have come
        expect(use).to_be_enabled()

        server.kill()
        before = {run.uid for run in trials(server, "finished")}
        server.start(server.port)

        page.goto(f"{server.url}/sweep")
        state = page.locator(".st-key-sweep-state")
        expect(state).to_contain_text("12 of 12 trials")
        expect(state).to_contain_text("finished")
        done = trials(server, "finished")
        assert before < {run.uid for run in done}
        assert sorted(run.trial for run in done) == list(range(12))
        assert len(trials(server, "interrupted")) <= 1
    finally:
        server.stop()
