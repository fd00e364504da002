"""The journey of the page in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from fitdash.runs.record.history import history_of
from fitdash.runs.record.store import Store
from tests.browser.conftest import wait_for

pytestmark = pytest.mark.browser

NOTE_UPDATES = """() => {
  const box = document.querySelector('.st-key-chart-loss .fitdash-chart');
  window.box = box;
  window.updates = [];
  new MutationObserver(() => window.updates.push(+box.dataset.rev)).observe(box, {attributeFilter: ['data-rev']});
}"""
POINTS = "() => window.box._fullData.filter(t => ['train', 'val'].includes(t.uid)).map(t => t.y.length)"
HIDDEN = "() => window.box._fullData.find(t => t.uid === 'val').visible === 'legendonly'"
RANGE = "() => window.box._fullLayout.xaxis.range.map(x => Math.round(x * 1000) / 1000)"


def open_page(context, server, query=""):
    page = context.new_page()
    page.goto(f"{server.url}/{query}")
    expect(page.get_by_role("button", name="Fit", exact=True)).to_be_visible()
    return page


def set_number(page, label, value):
    field = page.get_by_label(label, exact=True)
    field.fill(value)
    field.press("Enter")


NO_EXAMPLE = "() => document.querySelector('.st-key-state')?.textContent.includes('Example') === false"


def fit(page):
    """Press Fit; gives the uid of the run."""
    page.get_by_role("button", name="Fit", exact=True).click()
    page.wait_for_url(re.compile("run="))
    # The example is a finished run too, and stands until the new one is drawn.
    page.wait_for_function(NO_EXAMPLE)
    return re.search(r"run=(\w+)", page.url)[1]


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def height(page):
    return page.locator(".st-key-bar").bounding_box()["height"]


def expect_state(page, state):
    expect(page.locator(".st-key-state")).to_contain_text(state)


def watch(page):
    """Note every update of the loss chart from now on."""
    page.locator(".st-key-chart-loss .fitdash-chart[data-ready='1']").wait_for()
    page.evaluate(NOTE_UPDATES)


def drawn(page):
    """Epochs that the loss chart shows."""
    return int(page.locator(".st-key-chart-loss .fitdash-chart").get_attribute("data-rev"))


def zoom(page):
    """Drag over the middle of the loss chart."""
    box = page.locator(".st-key-chart-loss .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"], steps=8)
    page.mouse.up()


def test_a_run_is_watched_zoomed_stopped_and_downloaded(context, server):
    page = open_page(context, server, "?pace=5+epochs+per+second")
    set_number(page, "epochs", "900")
    set_number(page, "validation_split", "0.2")
    expect(page.locator(".st-key-plan")).to_contain_text("900 epochs")
    expect(page.locator(".st-key-plan")).to_contain_text("360 rows")

    uid = fit(page)
    expect_state(page, "running")
    watch(page)
    page.wait_for_function("() => window.updates.at(-1) >= 8")
    zoom(page)
    zoomed = page.evaluate(RANGE)
    page.locator(".st-key-chart-loss .legendtoggle").nth(1).click()
    page.wait_for_function(HIDDEN)  # plotly waits whether it becomes a double click
    before = drawn(page)
    page.wait_for_function("n => window.updates.at(-1) >= n", arg=before + 2)

    updates = page.evaluate("() => window.updates")
    with Store(server.home / "runs.db") as store:
        kept = len(store.epochs(uid))
        assert store.run(uid).state == "running"
    assert updates == sorted(updates)  # none has less than the one before, or what the record lacks
    assert len(set(updates)) >= 3
    assert updates[-1] <= kept < 900
    assert len(set(page.evaluate(POINTS))) == 1
    assert zoomed[1] - zoomed[0] < 600
    assert page.evaluate(RANGE) == zoomed
    assert page.evaluate(HIDDEN)
    assert page.evaluate("() => window.box.isConnected")

    page.get_by_role("button", name="Stop run").click()
    expect_state(page, "stopped")
    with Store(server.home / "runs.db") as store:
        kept = len(store.epochs(uid))
    expect(page.locator(".st-key-chart-loss .fitdash-chart")).to_have_attribute("data-rev", str(kept))
    assert page.evaluate(POINTS) == [kept, kept]
    with page.expect_download() as download:
        page.get_by_role("button", name="Download history (CSV)").click()
    with Store(server.home / "runs.db") as store:
        assert download.value.path().read_text() == history_of(store, uid).to_csv()
        assert 10 <= len(store.epochs(uid)) < 900


def test_at_full_speed_every_epoch_is_drawn(context, server):
    page = open_page(context, server, "?data.name=iris&fit.epochs=150&fit.validation_split=0.2&pace=full+speed")

    fit(page)
    expect_state(page, "finished")
    watch(page)

    expect(page.locator(".st-key-chart-loss .fitdash-chart")).to_have_attribute("data-rev", "150")
    assert page.evaluate(POINTS) == [150, 150]
    assert "150" in page.locator(".st-key-chart-accuracy .fitdash-chart").get_attribute("aria-label")


def test_a_reload_and_a_second_tab_see_and_steer_the_same_run(context, server):
    page = open_page(context, server, "?fit.epochs=900&fit.validation_split=0.2&pace=1+epoch+per+second")
    uid = fit(page)
    expect_state(page, "running")

    page.reload()
    other = context.new_page()
    other.goto(server.url)

    for tab in (page, other):
        expect_state(tab, "running")
        watch(tab)
        tab.wait_for_function("() => window.updates.length >= 2")
    button(page, "Pause").click()
    for tab in (page, other):
        expect_state(tab, "paused")
        expect(button(tab, "Resume")).to_be_enabled()

    with Store(server.home / "runs.db") as store:
        wait_for(lambda: store.run(uid).state == "paused")
        done, bar = len(store.epochs(uid)), height(page)
        button(other, "Step").click()
        other.get_by_role("menuitem", name="one epoch").click()
        page.wait_for_function("n => window.updates.at(-1) >= n", arg=done + 1)
        expect_state(page, "paused")
        set_number(page, "epochs", "890")
        expect(page.locator(".st-key-progress")).to_contain_text("of 890")
        assert len(store.epochs(uid)) == done + 1
    assert height(page) == bar

    button(page, "Resume").click()
    page.wait_for_function("n => window.updates.at(-1) >= n", arg=done + 2)
    expect(page.locator(".st-key-chart-loss .annotation")).to_have_count(1)
    other.get_by_role("button", name="Stop run").click()
    expect_state(page, "stopped")


def test_a_csv_that_cannot_be_read_gets_its_sentence_and_changes_nothing(context, server, tmp_path):
    page = open_page(context, server)
    bad = tmp_path / "bad.csv"
    bad.write_text("only\n1\n2\n3\n")

    page.locator("input[type=file]").set_input_files(bad)

    expect(page.locator("section[data-testid=stSidebar]")).to_contain_text("bad.csv must have at least two columns")
    expect(page.locator(".st-key-plan")).to_contain_text("1,797 rows")


def test_an_upload_trains_and_is_still_there_after_a_reload(context, server, tmp_path):
    page = open_page(context, server, "?pace=full+speed")
    good = tmp_path / "pets.csv"
    good.write_text("size,colour,kind\n" + "1.5,red,cat\n3.5,,dog\n,green,cat\n4.5,green,dog\n" * 10)

    page.locator("input[type=file]").set_input_files(good)
    expect(page.locator(".st-key-plan")).to_contain_text("40 rows")
    fit(page)
    expect_state(page, "finished")
    expect(page.locator(".st-key-progress")).to_contain_text("10 gaps filled with the median")

    page.reload()
    expect(page.locator(".st-key-plan")).to_contain_text("40 rows")
    expect(page.get_by_label("y", exact=True)).to_be_visible()


def test_a_killed_server_leaves_an_interrupted_run_with_its_epochs(context, server):
    page = open_page(context, server, "?fit.epochs=300&fit.validation_split=0.2")
    uid = fit(page)
    watch(page)
    page.wait_for_function("() => window.updates.at(-1) >= 3")
    before = drawn(page)

    port = server.port
    server.kill()
    server.start(port)

    page.reload()
    expect_state(page, "interrupted")
    with Store(server.home / "runs.db") as store:
        assert wait_for(lambda: store.run(uid).state) == "interrupted"
        assert len(store.epochs(uid)) >= before
