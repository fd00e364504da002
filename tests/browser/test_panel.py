"""What a run has learned, seen and touched in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import wait_for
from tests.browser.test_journey import expect_state, fit, open_page

pytestmark = pytest.mark.browser

LINK = "?data.name=moons&fit.epochs=12&fit.validation_split=0.2&pace=full+speed"
CELL = """([row, column]) => {
  const box = document.querySelector('.st-key-panel-confusion .fitdash-chart');
  const {xaxis, yaxis} = box._fullLayout, {left, top} = box.getBoundingClientRect();
  return [left + xaxis._offset + xaxis.l2p(column), top + yaxis._offset + yaxis.l2p(row)];
}"""
CONTRAST = """() => {  // of what is written on the fullest cell, once it is drawn on dark paper
  const box = document.querySelector('.st-key-panel-confusion .fitdash-chart');
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const channels = color => color.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const [[, pale], [, full]] = box._fullData[0].colorscale;
  if (light(channels(pale)) > 0.2) return 0;
  const pair = [getComputedStyle(box.querySelector('.heatmap-label text')).fill, full].map(channels).map(light);
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}"""
COLOURS = """() => {
  const box = document.querySelector('.st-key-panel-boundary .fitdash-chart');
  return box._fullData[0].colorscale.map(([at, color]) => color);
}"""


def drawn(page, key, epoch):
    """Wait until this chart of the panel shows this epoch."""
    expect(page.locator(f".st-key-panel-{key} .fitdash-chart")).to_have_attribute("data-rev", str(epoch))


def pick(page, cell, words):
    """Click a cell until its samples are there: a click into the redrawing of the chart is lost."""

    def picked():
        page.mouse.click(*page.evaluate(CELL, cell))
        try:
            expect(page.locator(".st-key-panel")).to_contain_text(words, timeout=5000)
        except AssertionError:
            return False
        return True

    wait_for(picked)


def test_the_boundary_follows_the_cursor_and_a_cell_gives_its_samples(context, server):
    page = open_page(context, server, LINK)
    fit(page)
    expect_state(page, "finished")
    drawn(page, "boundary", 12)
    assert len(set(page.evaluate(COLOURS))) == 4

    slider = page.get_by_label("epoch cursor")
    slider.focus()
    slider.press("Home")
    drawn(page, "boundary", 1)
    page.evaluate("window.kept = document.querySelector('.st-key-panel-boundary .fitdash-chart')")
    page.get_by_role("button", name="newest").click()
    drawn(page, "boundary", 12)
    assert page.evaluate("window.kept.isConnected")

    page.locator(".st-key-panel").get_by_text("Confusion", exact=True).click()
    drawn(page, "confusion", 12)
    pick(page, [1, 1], "True 1, rightly predicted")

    page.emulate_media(color_scheme="dark")
    wait_for(lambda: page.evaluate(CONTRAST) >= 4.5)
    pick(page, [0, 0], "True 0, rightly predicted")
