"""What the page says and does while the record cannot be written."""

from fitdash.ui.session.server_resources import server_resources
from tests.pages.conftest import texts, until, wait_for
from tests.pages.test_steering import SLOW

WAITS = "Runs cannot be written now, they wait in memory"


def test_the_page_says_that_the_store_is_locked_and_trains_on(open_page, lock):
    page = open_page(**SLOW)
    page.button(key="fit").click().run()
    (run,) = server_resources().runner.active()
    wait_for(lambda: len(server_resources().store.epochs(run.uid)) >= 1)

    lock.execute("BEGIN IMMEDIATE")
    until(page, f"{WAITS}: {server_resources().store.path} cannot be written: database is locked")
    before = len(server_resources().store.epochs(run.uid))
    assert run.state == "running"

    lock.execute("ROLLBACK")
    wait_for(lambda: len(server_resources().store.epochs(run.uid)) > before)
    wait_for(lambda: server_resources().writer.trouble is None)
    assert WAITS not in texts(page.run())
    epochs = [row.epoch for row in server_resources().store.epochs(run.uid)]
    assert epochs == list(range(len(epochs)))


def test_a_fit_that_is_pressed_while_the_store_is_locked_is_shown_when_it_is_free(open_page, lock):
    page = open_page(**SLOW)
    lock.execute("BEGIN IMMEDIATE")

    page.button(key="fit").click().run()

    assert not page.exception
    (run,) = server_resources().runner.active()
    until(page, WAITS)
    lock.execute("ROLLBACK")
    until(page, "running")
    assert page.session_state["page"].watch.uid == run.uid
