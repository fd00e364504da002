"""Several runs are trained, compared, and one of them becomes the draft again."""

import re

import pytest
from playwright.sync_api import expect

from fitdash.runs.record.store import Store
from tests.browser.conftest import wait_for
from tests.browser.test_journey import fit, open_page

pytestmark = pytest.mark.browser

LINK = (
    "?data.name=iris&fit.epochs=5&fit.validation_split=0.2&pace=full+speed"
    "&several=true&several.compile.learning_rate=0.1,+0.01"
)


def finished(server):
    with Store(server.home / "runs.db") as store:
        runs = store.runs()
        return runs if len(runs) == 2 and all(run.state == "finished" for run in runs) else None


def test_listed_values_are_trained_compared_and_loaded(context, server):
    page = open_page(context, server, LINK)
    fit(page)
    newest, _ = wait_for(lambda: finished(server))

    page.get_by_role("link", name="Compare").click()
    chart = page.locator(".st-key-compare-val_accuracy .fitdash-chart[data-ready='1']")
    chart.wait_for()
    expect(page.get_by_text("Only learning_rate 0.1 → 0.01 changed.")).to_be_visible()
    assert chart.evaluate("box => box._fullData.map(line => line.y.length)") == [5, 5]
    other = page.locator(".st-key-compare-accuracy .fitdash-chart[data-ready='1']")
    chart.locator(".nsewdrag").first.hover()
    expect(other.locator(".hoverlayer text").first).to_be_visible()  # one cursor for both

    page.get_by_label("find", exact=True).fill(newest.uid)
    page.get_by_label("find", exact=True).press("Enter")
    expect(page.get_by_role("button", name="Delete 1")).to_be_visible()
    page.get_by_role("button", name="Load into Train").click()

    expect(page.get_by_role("button", name="Fit", exact=True)).to_be_visible()
    expect(page.get_by_label("learning_rate", exact=True)).to_have_value("0.01")
    expect(page).to_have_url(re.compile(r"compile\.learning_rate=0\.01"))


def test_a_new_server_shows_the_page_that_its_address_names(context, server):
    server.stop()
    server.start()
    page = context.new_page()

    page.goto(f"{server.url}/compare")

    expect(page.get_by_label("find", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Train")).to_be_visible()
