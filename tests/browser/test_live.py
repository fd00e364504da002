"""The charts of a run in a real browser: one cursor, one zoom, replay; the nodes stay."""

import time

import pytest
from playwright.sync_api import expect

from tests.browser.test_journey import expect_state, fit, open_page

pytestmark = pytest.mark.browser

CHARTS = "() => [...document.querySelectorAll('[class*=st-key-chart-] .fitdash-chart')]"
RANGES = f"() => ({CHARTS})().map(box => box._fullLayout.xaxis.range.map(Math.round))"
LINES = """() => [...document.querySelectorAll('.fitdash-line')].map(line =>
  Math.round(line.closest('.fitdash-chart')._fullLayout.xaxis.p2l(
    parseFloat(line.style.left) - line.closest('.fitdash-chart')._fullLayout.xaxis._offset) * 10) / 10)"""
NOTE_DRAWINGS = """() => {
  const state = document.querySelector('.stApp');
  window.drawings = 0;
  new MutationObserver(changes => changes.forEach(change => {
    if (state.dataset.testScriptState === 'running' && change.oldValue !== 'running') window.drawings += 1;
  })).observe(state, {attributeFilter: ['data-test-script-state'], attributeOldValue: true});
}"""
"""Counts how often Streamlit draws the page, or a part of it."""
HOVERS = f"() => ({CHARTS})().map(box => box.querySelectorAll('.hoverlayer .legend').length)"


def ready(page):
    """The example, drawn whole."""
    for metric in ("loss", "accuracy"):
        page.locator(f".st-key-chart-{metric} .fitdash-chart[data-ready='1']").wait_for()
    page.locator(".fitdash-cursor[data-ready='1']").wait_for()


def at(page, share):
    """A point over the loss chart."""
    chart = page.locator(".st-key-chart-loss .nsewdrag").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    return box["x"] + share * box["width"], box["y"] + 0.5 * box["height"]


def drag(page, start, end):
    page.mouse.move(*at(page, start))
    page.mouse.down()
    page.mouse.move(*at(page, end), steps=8)
    page.mouse.up()


def test_a_zoom_is_one_for_all_charts_and_follow_leaves_it(context, server):
    page = open_page(context, server)
    ready(page)
    planned = page.evaluate(RANGES)

    drag(page, 0.2, 0.6)
    page.wait_for_function(f"planned => JSON.stringify(({RANGES})()) !== JSON.stringify(planned)", arg=planned)

    loss, accuracy = page.evaluate(RANGES)
    assert loss == accuracy
    assert loss[1] - loss[0] < 12
    page.locator(".st-key-chart-accuracy .fitdash-follow").click()
    expect(page.locator(".fitdash-follow:visible")).to_have_count(0)
    assert page.evaluate(RANGES) == planned


def test_a_click_on_a_curve_and_the_slider_put_one_cursor_into_all_charts(context, server):
    page = open_page(context, server)
    ready(page)
    assert page.evaluate(LINES) == [20, 20]

    page.mouse.click(*at(page, 0.5))

    expect(page.locator(".fitdash-where")).to_contain_text("epoch 10 of 20")
    assert page.evaluate(LINES) == [10, 10]
    loss = page.locator(".fitdash-values div").first
    expect(loss).to_contain_text("loss")
    page.get_by_label("epoch cursor").fill("1")
    assert page.evaluate(LINES) == [1, 1]
    expect(loss).to_contain_text("1.960")
    page.get_by_role("button", name="newest").click()
    assert page.evaluate(LINES) == [20, 20]


def test_hover_shows_in_all_charts(context, server):
    page = open_page(context, server)
    ready(page)

    page.mouse.move(*at(page, 0.4))

    page.wait_for_function(f"() => ({HOVERS})().every(count => count === 1)")
    page.mouse.move(5, 5)
    page.wait_for_function(f"() => ({HOVERS})().every(count => count === 0)")


def test_a_finished_run_is_replayed_to_its_end(context, server):
    page = open_page(context, server)
    ready(page)
    page.get_by_label("replay takes").select_option("60")

    page.get_by_role("button", name="Replay").click()

    page.wait_for_function(f"() => ({LINES})()[0] > 3 && ({LINES})()[0] < 18")
    assert page.locator(".fitdash-veil").first.evaluate("veil => veil.style.opacity") == "1"
    page.get_by_role("button", name="Pause replay").click()
    first, second = page.evaluate(LINES)
    assert first == second < 20
    page.get_by_label("replay takes").select_option("5")
    page.get_by_role("button", name="Replay").click()
    expect(page.locator(".fitdash-where")).to_contain_text("epoch 20 of 20")
    expect(page.locator(".fitdash-veil:visible")).to_have_count(0)


def test_the_nodes_stay_from_one_run_to_the_next(context, server):
    page = open_page(context, server, "?data.name=iris&fit.epochs=40&fit.validation_split=0.2&pace=full+speed")
    ready(page)

    for seed in ("1", "2"):
        page.get_by_label("seed", exact=True).fill(seed)
        page.get_by_label("seed", exact=True).press("Enter")
        expect(page.locator(".st-key-plan")).to_contain_text("40 epochs")
        fit(page)
        expect(page.locator(".st-key-arguments")).to_contain_text(f"seed {seed}")
        expect_state(page, "finished")
        page.evaluate(f"() => window.boxes ??= ({CHARTS})()")

    expect(page.locator(".st-key-charts")).to_contain_text("seed 1 → 2")
    assert page.evaluate("() => window.boxes.map(box => box.isConnected)") == [True, True]


def test_keys_steer_a_run_but_not_while_somebody_types(context, server):
    page = open_page(
        context, server, "?data.name=iris&fit.epochs=900&fit.validation_split=0.2&pace=5+epochs+per+second"
    )
    ready(page)
    progress = page.locator(".st-key-progress")

    page.keyboard.press("f")
    expect_state(page, "running")
    page.get_by_label("seed", exact=True).click()
    page.keyboard.type("ps")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_enabled()
    page.locator(".st-key-state").click()
    page.keyboard.press("p")
    expect_state(page, "paused")
    before = progress.inner_text()
    page.keyboard.press("e")
    expect(page.get_by_role("menuitem", name="one batch")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(progress).not_to_have_text(before)
    expect_state(page, "paused")
    page.keyboard.press("s")
    expect_state(page, "stopped")


def test_reset_shows_the_run_that_it_began(context, server):
    page = open_page(
        context, server, "?data.name=iris&fit.epochs=900&fit.validation_split=0.2&pace=5+epochs+per+second"
    )
    ready(page)
    fit(page)
    expect_state(page, "running")
    page.keyboard.press("s")
    expect_state(page, "stopped")

    page.get_by_role("button", name="Reset weights", exact=True).click()

    expect_state(page, "running")
    page.keyboard.press("s")
    expect_state(page, "stopped")


SEEN = """() => {
  const box = document.querySelector('.st-key-chart-loss .fitdash-chart');
  window.seen = [];
  new MutationObserver(() => window.seen.push(+box.dataset.rev)).observe(box, {attributeFilter: ['data-rev']});
}"""


def drawn_with(page, *, epochs):
    """Wait until the charts are those of the run with so many epochs, no longer of the example."""
    page.wait_for_function(
        "epochs => document.querySelector('.fitdash-where')?.textContent.includes(`of ${epochs}`)", arg=epochs
    )
    ready(page)


def test_curves_cursor_and_progress_go_on_between_two_drawings(context, server):
    page = open_page(context, server, "?data.name=iris&fit.epochs=9000&fit.validation_split=0.2&pace=full+speed")
    ready(page)
    fit(page)
    expect_state(page, "running")
    drawn_with(page, epochs=9000)
    page.evaluate(SEEN)
    page.evaluate(f"() => window.boxes = ({CHARTS})()")

    with page.expect_response("**/_fitdash/live/*") as response:
        pass
    news = response.value.json()
    told, printed = int(news["charts"]["chart-loss"]["rev"]), news["words"]["log-lines"]["words"].splitlines()[-2]
    page.wait_for_function(
        "line => document.querySelector('.st-key-log .fitdash-words')?.textContent.includes(line)", arg=printed
    )
    log, text = (page.locator(place).bounding_box() for place in (".st-key-log", ".st-key-log .fitdash-words"))
    assert 0 <= log["y"] + log["height"] - (text["y"] + text["height"]) < 40  # the newest line is in sight

    page.wait_for_function("told => window.seen.some(rev => rev >= told)", arg=told)
    page.wait_for_function(
        "told => parseInt(document.querySelector('.fitdash-where')?.textContent.slice(6)) >= told", arg=told
    )
    shown = page.get_by_role("progressbar").get_attribute("aria-valuetext")
    assert int(shown.split()[1]) >= told
    page.keyboard.press("s")
    expect_state(page, "stopped")
    page.wait_for_function(
        "() => document.querySelector('.fitdash-where')?.textContent.startsWith(`epoch ${window.seen.at(-1)} of`)"
    )
    assert page.evaluate("() => window.seen.every((rev, place) => !place || rev >= window.seen[place - 1])")
    assert page.evaluate("() => window.boxes.every(box => box.isConnected)")


def test_the_newest_line_of_the_log_stays_in_sight(context, server):
    page = open_page(context, server, "?data.name=iris&fit.epochs=120&fit.validation_split=0.2&pace=full+speed")
    ready(page)
    fit(page)
    expect_state(page, "finished")

    log = page.locator(".st-key-log")
    page.wait_for_function("() => document.querySelector('.st-key-log pre')?.textContent.includes('Epoch 120/120')")
    foot = log.bounding_box()["y"] + log.bounding_box()["height"]
    text = log.locator("pre").bounding_box()
    assert text["height"] > 2 * log.bounding_box()["height"]
    assert 0 <= foot - (text["y"] + text["height"]) < 40


def test_news_that_say_so_let_the_page_be_drawn_once(context, server):
    page = context.new_page()
    frames = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: frames.append(frame)))
    page.goto(f"{server.url}/?data.name=iris&fit.epochs=9000&fit.validation_split=0.2&pace=full+speed")
    ready(page)
    fit(page)
    expect_state(page, "running")
    began = time.monotonic()
    page.route("**/_fitdash/live/*", lambda route: route.fulfill(json={"due": "mark-of-a-test"}))
    for _ in range(3):
        with page.expect_response("**/_fitdash/live/*"):
            pass

    told = len([frame for frame in frames if b"mark-of-a-test" in frame])
    assert 1 <= told <= 1 + (time.monotonic() - began) // 5  # told again where nothing has come of it
    page.keyboard.press("s")
    expect_state(page, "stopped")


SHOWN = """async changes => {
  const url = performance.getEntriesByType('resource').find(({name}) => name.includes('live.js')).name;
  const {cursor} = await import(url), nothing = () => {};
  const sent = {seq: 0, start: 0, done: 0, planned: 10, places: null, exact: null};
  const parentElement = document.querySelector('.fitdash-cursor').parentElement;
  cursor({data: {...sent, ...changes}, parentElement, setStateValue: nothing, setTriggerValue: nothing});
}"""
"""What Streamlit does when it has drawn a page."""


def test_a_page_asks_at_once_when_a_run_begins_and_when_its_news_come_faster(context, server):
    page = open_page(context, server)
    ready(page)
    page.route("**/begun-*", lambda route: route.fulfill(json={"due": None}))

    # The time itself would be too long for this test.
    for run, seconds in (("one", 900), ("two", 900), ("two", 600)):
        with page.expect_response(f"**/begun-{run}"):
            page.evaluate(SHOWN, {"run": run, "feed": f"/begun-{run}", "seconds": seconds})


FEET = """() => ['fit', 'reset', 'seed', 'pace'].map(name =>
  Math.round(document.querySelector(`.st-key-${name}`).getBoundingClientRect().bottom))"""


def test_what_is_pressed_stays_in_one_row_in_the_large_letters_of_the_projector(context, server):
    page = open_page(context, server, "?view.projector=true")
    ready(page)

    feet = page.evaluate(FEET)

    assert max(feet) - min(feet) < 20
    assert page.evaluate("() => parseFloat(getComputedStyle(document.documentElement).fontSize)") > 20


def test_a_page_that_lies_idle_hears_of_a_run_and_draws_nothing_before(context, server):
    page = open_page(context, server)
    ready(page)
    page.evaluate(NOTE_DRAWINGS)
    with page.expect_response("**/_fitdash/live/*") as answer:
        pass
    assert answer.value.json() == {}

    other = open_page(context, server, "?data.name=iris&fit.epochs=4000&pace=20%20epochs%20per%20second")
    first = fit(other)
    expect(page.get_by_text("Another run is on.")).to_be_visible()
    assert page.evaluate("() => window.drawings") <= 2
    page.get_by_role("button", name="Show it").click()
    expect_state(page, "running")
    assert first in page.url

    # In the queue: its place is told, and drawn without the rest of the page.
    for _ in range(2):
        other.get_by_role("button", name="Fit", exact=True).click()
    queue = page.locator(".st-key-queue")
    expect(queue.get_by_text("2.", exact=True)).to_be_visible()
    queue.get_by_role("button", name="Cancel", exact=True).first.click()
    expect(queue.get_by_text("2.", exact=True)).to_have_count(0)
    expect(other.locator(".st-key-queue").get_by_text("2.", exact=True)).to_have_count(0)
    queue.get_by_role("button", name="Cancel", exact=True).click()
    expect(queue).to_have_count(0)
    page.get_by_role("button", name="Stop run", exact=True).click()
    expect_state(page, "stopped")
    expect_state(other, "stopped")


def test_a_page_that_cannot_ask_is_drawn_now_and_then(context, server):
    context.route("**/_fitdash/live/*", lambda route: route.abort())
    page = open_page(context, server)
    ready(page)

    other = open_page(context, server, "?data.name=iris&fit.epochs=4000&pace=20%20epochs%20per%20second")
    fit(other)

    expect_state(other, "running")
    drawn_with(other, epochs=4000)
    other.evaluate(SEEN)
    other.wait_for_function("() => new Set(window.seen).size >= 3")
    expect(page.get_by_text("Another run is on.")).to_be_visible()
    other.get_by_role("button", name="Stop run", exact=True).click()
    expect_state(other, "stopped")
