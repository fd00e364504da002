"""A link says what it says on every page, however early its reader goes to another one."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Server
from tests.browser.test_journey import open_page

pytestmark = pytest.mark.browser

LINK = "?data.name=iris&fit.epochs=7&fit.validation_split=0.25&sweep.trials=12&several.network.width=4,+8"
WAITS = """
import importlib.abc, importlib.machinery, os, sys, time

class Waits(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != {name!r}:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        execute = spec.loader.exec_module

        def wait_and_execute(module):
            while not os.path.exists({free!r}):
                time.sleep(0.01)
            execute(module)

        spec.loader.exec_module = wait_and_execute
        return spec

sys.meta_path.insert(0, Waits())
"""
"""Waits where the module runs: where it is found, Python holds the lock of all imports, which the server needs too."""


def expect_settings(page):
    expect(page.get_by_label("trials", exact=True)).to_have_value("12")
    expect(page.get_by_label("epochs", exact=True)).to_have_value("7")
    expect(page.get_by_label("validation_split", exact=True)).to_have_value("0.25")
    expect(page.get_by_label("width values", exact=True)).to_have_value("4, 8")
    expect(page.get_by_role("button", name="Start sweep")).to_be_enabled()


def test_what_a_link_says_for_another_page_is_there_when_its_reader_comes_to_it(context, server):
    page = open_page(context, server, LINK)
    page.get_by_role("link", name="Compare").click()
    page.get_by_text("There is no run yet").wait_for()

    page.get_by_role("link", name="Sweep").click()

    expect_settings(page)
    page.get_by_text("Network", exact=True).click()
    page.get_by_text("vary width", exact=True).click()
    expect(page.get_by_label("width values", exact=True)).to_have_count(0)
    page.get_by_role("link", name="Train").click()
    expect(page.get_by_role("button", name="Fit", exact=True)).to_be_visible()
    page.get_by_role("link", name="Sweep").click()
    expect(page.get_by_label("trials", exact=True)).to_have_value("12")
    expect(page.get_by_label("width values", exact=True)).to_have_count(0)


@pytest.fixture
def held(tmp_path):
    """A server that waits where it imports a module, and the file that lets it go on."""
    free, servers = tmp_path / "free", []

    def started(name):
        (tmp_path / "sitecustomize.py").write_text(WAITS.format(name=name, free=str(free)))
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join([str(tmp_path), root, os.environ.get("PYTHONPATH", "")])
        servers.append(Server(tmp_path, PYTHONPATH=path))
        return servers[0], free

    yield started
    for server in servers:
        server.stop()


def test_a_link_is_read_although_its_reader_leaves_before_the_page_is_drawn(context, held):
    server, free = held("fitdash.ui.train.action_bar")
    page = context.new_page()
    with page.expect_websocket() as made:
        page.goto(f"{server.url}/{LINK}", wait_until="commit")

    sweep = page.get_by_role("link", name="Sweep")
    sweep.wait_for()
    with made.value.expect_event("framesent"):
        sweep.click()
    free.touch()

    expect_settings(page)


def test_two_who_come_at_once_to_a_page_of_a_new_server_both_get_the_whole(context, held):
    server, free = held("fitdash.ui.compare.page")
    pages = [context.new_page() for _ in range(2)]
    for page in pages:
        page.goto(f"{server.url}/compare", wait_until="commit")
        page.locator("[data-test-script-state=running]").wait_for()  # the server waits in the script of this page
    free.touch()

    for page in pages:
        expect(page.get_by_label("find", exact=True).or_(page.get_by_text("There is no run yet"))).to_be_visible()
        expect(page.get_by_role("link", name="Train", exact=True)).to_be_visible()
