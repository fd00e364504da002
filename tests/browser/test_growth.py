"""Curves that go on between two drawings: only they are drawn, and nobody can tell."""

import pytest

from tests.browser.test_journey import expect_state, fit, open_page
from tests.browser.test_live import CHARTS, ready

pytestmark = pytest.mark.browser

RUN = "?data.name=iris&fit.epochs=9000&fit.validation_split=0.2&pace=full+speed&view.previous=false"

GOES_ON = """async changes => {
  const url = performance.getEntriesByType('resource').find(({name}) => name.includes('grow.js')).name;
  const {goOn} = await import(url), box = document.querySelector('.st-key-chart-loss .fitdash-chart');
  const layout = JSON.stringify(box.layout), values = box._fullData.map(({y}) => Array.from(y)), found = [];
  for (const {factor = 1, name, axis = {}} of changes) {
    const figure = JSON.parse(box.wanted.spec), made = JSON.parse(layout);
    delete made.yaxis.range;
    Object.assign(made.yaxis, {autorange: true}, axis);
    await box.goes;
    await Plotly.react(box, JSON.parse(box.wanted.spec).data, made, box._context);
    figure.data.forEach((trace, place) => { trace.y = values[place].map(value => value * factor); });
    if (name) figure.data.find(({uid}) => uid === 'train').name = name;
    const goes = goOn(box, Plotly, figure);
    const says = Array.from(box.querySelectorAll('.legendtext'), text => text.textContent);
    found.push([goes, says.includes('training  1.234')]);
  }
  return found;
}"""


def test_curves_go_on_as_they_are_where_the_axis_has_room(context, server):  # the example: nobody has trained yet
    page = open_page(context, server)
    ready(page)
    own_range = {"range": [0, 9], "autorange": False}
    cases = [
        ({}, True, False),
        ({"factor": 1.02}, True, False),
        ({"factor": 1.5}, False, False),
        ({"factor": 0.3}, False, False),
        ({"factor": 0.3, "axis": own_range}, True, False),
        ({"axis": {"type": "log"}}, True, False),
        ({"axis": {"type": "log"}, "factor": 1.5}, False, False),
        ({"name": "training  <b>1.234</b>"}, True, True),
        ({"name": "training  <b>1.234</b> <b>5</b>"}, False, False),
        ({"name": "training"}, False, False),
    ]

    found = page.evaluate(GOES_ON, [change for change, *_ in cases])

    assert found == [expected for _, *expected in cases]


DRAWN_ANEW = """() => {
  const place = path => path.getAttribute('d') + path.getAttribute('transform');
  const look = box => [
    ...Array.from(box.querySelectorAll('.scatterlayer path'), place),
    ...Array.from(box.querySelectorAll('.legendtext'), text => text.innerHTML)];
  const {animate} = Plotly;
  window.pairs = [];
  window.gaps = 0;
  const look_on = () => {
    window.gaps += document.querySelector('.fitdash-values').textContent.includes('–');
    requestAnimationFrame(look_on);
  };
  requestAnimationFrame(() => requestAnimationFrame(look_on));
  Plotly.animate = (box, ...rest) => {
    const done = animate(box, ...rest);
    setTimeout(async () => {
      const before = look(box), {range} = box._fullLayout.yaxis, layout = structuredClone(box.layout);
      layout.yaxis = {...layout.yaxis, autorange: false, range: [...range]};
      await box.goes;
      await Plotly.react(box, structuredClone(box.data), layout, box._context);
      window.pairs.push([before, look(box)]);
    });
    return done;
  };
}"""
"""Draws whole, in the same range, what only went on; notes how both look, and frames that lack values at the cursor."""


def test_curves_that_go_on_look_as_if_they_were_drawn_anew(context, server):
    page = open_page(context, server, RUN)
    ready(page)
    fit(page)
    expect_state(page, "running")
    page.evaluate(DRAWN_ANEW)
    page.wait_for_function("() => window.pairs.length >= 5")
    page.keyboard.press("s")
    expect_state(page, "stopped")

    pairs, gaps = page.evaluate("() => [window.pairs, window.gaps]")

    assert gaps == 0
    assert all(before == after for before, after in pairs)
    assert len({str(before) for before, _ in pairs}) > 2  # they did go on


COUNT = """() => {
  const {animate} = Plotly;
  window.times = 0;
  Plotly.animate = (...all) => { window.times += 1; return animate(...all); };
}"""
LEAVE_ALONE = """() => {
  const entry = document.querySelector('.st-key-chart-loss .legendtoggle');
  for (const kind of ['mousedown', 'mouseup', 'mousedown', 'mouseup']) {
    entry.dispatchEvent(new MouseEvent(kind, {bubbles: true}));
  }
}"""
"""A double click on the first entry of the legend, however busy the machine is."""
HIDDEN = f"() => ({CHARTS})()[0]._fullData.map(trace => trace.visible !== true)"


def test_what_the_legend_hides_stays_hidden_while_curves_go_on(context, server):
    page = open_page(context, server, RUN)
    ready(page)
    fit(page)
    expect_state(page, "running")
    page.evaluate(COUNT)
    page.wait_for_function("() => window.times >= 2")

    page.evaluate(LEAVE_ALONE)
    page.wait_for_function(f"() => ({HIDDEN})().filter(hidden => !hidden).length === 1")
    alone = page.evaluate(HIDDEN)
    page.evaluate("() => { window.times = 0; }")
    page.wait_for_function("() => window.times >= 4")

    assert page.evaluate(HIDDEN) == alone
    page.keyboard.press("s")
    expect_state(page, "stopped")
