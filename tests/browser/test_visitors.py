"""Several people on one server, each with a browser of their own."""

import pytest
from playwright.sync_api import expect

from fitdash.runs.record.store import Store
from tests.browser.conftest import Server, wait_for
from tests.browser.test_journey import button, drawn, expect_state, fit, open_page, watch
from tests.browser.wire import Wire

pytestmark = pytest.mark.browser

LONG = "?data.name=iris&fit.epochs=4000&pace=20%20epochs%20per%20second"
POINTS = """() => {
  const line = document.querySelector('.st-key-chart-loss .fitdash-chart')._fullData.find(t => t.uid === 'train');
  return Array.from(line.y, (y, place) => [line.x[place], y]);
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("server"), FITDASH_SHARED="true", FITDASH_RUNS_AT_ONCE="2")
    yield made
    made.stop()
    assert not made.complaints, made.log.read_text()


def states(server):
    with Store(server.home / "runs.db") as store:
        return {line.uid: line.state for line in store.lines()}


def test_visitors_train_at_once_and_see_their_own_runs_until_one_is_shared(server, visitors):
    mine, other = visitors(), visitors()
    page, theirs = open_page(mine, server, LONG), open_page(other, server, LONG)
    first, second = fit(page), fit(theirs)
    expect_state(page, "running")
    expect_state(theirs, "running")
    assert states(server) == {first: "running", second: "running"}

    look = open_page(other, server, f"?run={first}")
    expect(look.get_by_text(f"There is no run {first} here.")).to_be_visible()

    page.get_by_text("Share by link").click()
    expect(page.get_by_role("switch", name="Share by link")).to_be_checked()
    with Store(server.home / "runs.db") as store:
        wait_for(lambda: store.run(first).shared)
    look.goto(f"{server.url}/?run={first}")
    expect(look.get_by_text("shared by its link")).to_be_visible()
    expect(button(look, "Stop run")).to_be_disabled()

    page.reload()
    expect(button(page, "Stop run")).to_be_enabled()
    button(page, "Stop run").click()
    button(theirs, "Stop run").click()
    expect_state(page, "stopped")
    expect_state(theirs, "stopped")
    expect_state(look, "stopped")


def test_a_closed_tab_leaves_its_run_training(server, context):
    page = open_page(context, server, LONG)
    uid = fit(page)
    expect_state(page, "running")

    page.close()
    with Store(server.home / "runs.db") as store:
        _train_on(store, uid, 40)
    again = open_page(context, server)

    expect_state(again, "running")
    watch(again)
    with Store(server.home / "runs.db") as store:
        trained = len(store.epochs(uid))
    wait_for(lambda: drawn(again) >= trained)
    button(again, "Stop run").click()
    expect_state(again, "stopped")


@pytest.fixture
def wire(server):
    made = Wire(server.port)
    yield made
    made.close()


@pytest.mark.parametrize("silent", [True, False], ids=["nothing is heard", "the connection is closed"])
def test_a_page_that_was_offline_stands_still_and_catches_up(server, context, wire, silent):
    page = open_page(context, wire, LONG)
    uid = fit(page)
    expect_state(page, "running")
    with Store(server.home / "runs.db") as store:
        watch(page)
        wait_for(lambda: drawn(page) > 10)

        wire.cut(silent=silent)
        wait_for(lambda: drawn(page) == _later(page, store, uid))  # what was on its way has arrived
        stood = drawn(page)
        _train_on(store, uid, 100)
        assert drawn(page) == stood

        wire.mend()
        missed = len(store.epochs(uid))
        wait_for(lambda: drawn(page) >= missed)
        button(page, "Stop run").click()
        expect_state(page, "stopped")
        rows = wait_for(lambda: (epochs := store.epochs(uid)) and len(epochs) == drawn(page) and epochs)
        points = page.evaluate(POINTS)
        assert [round(x) for x, _ in points] == [row.epoch + 1 for row in rows]
        assert [y for _, y in points] == pytest.approx([row.logs["loss"] for row in rows], rel=1e-5)


def _later(page, store, uid):
    """Epochs that the chart shows when 20 more have been trained."""
    _train_on(store, uid, 20)
    return drawn(page)


def _train_on(store, uid, epochs):
    """Wait until so many more are in the store."""
    before = len(store.epochs(uid))
    wait_for(lambda: len(store.epochs(uid)) >= before + epochs)
