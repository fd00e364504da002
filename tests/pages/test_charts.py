"""The charts on the page: their options and the epoch cursor."""

import json
import re

from fitdash.ui.run import run_messages
from fitdash.ui.session.server_resources import server_resources
from fitdash.ui.session.state import PageState, cursor_epoch
from fitdash.ui.view_models.run_view import example_run
from tests.pages.conftest import charts, sent, texts, until, wait_for


def spec(page, metric="loss"):
    """What the chart of a metric was given."""
    return json.loads(next(one["spec"] for one in sent(page) if one.get("name") == f"chart-{metric}"))


def test_the_options_of_the_charts_can_be_set_by_a_link(open_page):
    page = open_page()

    page.selectbox(key="view.x").set_value("update").run()
    page.selectbox(key="view.smoothing").set_value(10).run()
    page.toggle(key="view.log").set_value(True).run()

    assert not page.exception
    assert spec(page)["layout"]["xaxis"]["title"]["text"] == "update"
    assert spec(page)["layout"]["yaxis"]["type"] == "log"
    assert "train smoothed" in [trace["uid"] for trace in spec(page)["data"]]
    link = {"view__x": "by update", "view__smoothing": "smooth 10 epochs", "view__log": "true"}
    assert spec(open_page(**link)) == spec(page)


def test_the_projector_makes_lines_thick(open_page):
    plain, large = open_page(), open_page(view__projector="true")

    widths = [next(t["line"]["width"] for t in spec(page)["data"] if t["uid"] == "train") for page in (plain, large)]
    assert widths[1] > 1.5 * widths[0]
    assert charts(large) == ["loss", "accuracy"]


def test_the_log_of_a_run_that_is_on_is_its_end_and_afterwards_all_that_is_kept(open_page, monkeypatch):
    monkeypatch.setattr(run_messages, "LINES_WHILE_ON", 3)
    page = open_page(data__name="iris", fit__epochs="400", pace="20 epochs per second", fit__verbose="2")
    page.button(key="fit").click().run()
    (run,) = server_resources().runner.active()
    wait_for(lambda: len(server_resources().store.epochs(run.uid)) >= 6)
    page.run()
    (on,) = [one["words"].splitlines() for one in sent(page) if one.get("name") == "log-lines"]
    page.button(key="stop").click().run()
    until(page, "stopped")

    assert len(on) == 3
    assert len(log(page)) > len(on)
    assert set(on) < set(log(page))


def log(page):
    """The lines that it shows."""
    return next(code.value for code in page.code if re.search(r"^(Epoch \d|.*loss: )", code.value, re.M)).splitlines()


def test_the_cursor_follows_the_newest_epoch_until_it_is_put_elsewhere(monkeypatch):
    page, run = PageState(), example_run()
    monkeypatch.setattr("fitdash.ui.session.state.page_state", lambda: page)

    assert cursor_epoch(run) == 19
    page.epoch_at = (run.uid, 4)
    assert cursor_epoch(run) == 4
    page.epoch_at = ("another", 4)
    assert cursor_epoch(run) == 19
    page.epoch_at = (run.uid, 700)
    assert cursor_epoch(run) == 19


def uids(page, metric="loss"):
    return [trace["uid"] for trace in spec(page, metric)["data"]]


def trained(page):
    page.button(key="fit").click().run()
    until(page, "finished")


def test_the_run_before_is_drawn_behind_with_what_was_changed_in_words(open_page):
    page = open_page(data__name="iris", fit__epochs="2", pace="full speed")
    trained(page)
    assert not [uid for uid in uids(page) if uid.startswith("previous")]

    page.number_input(key="seed").set_value(4).run()
    trained(page)

    assert "previous train" in uids(page)
    assert "grey and dashed: seed 0 → 4." in texts(page)
    page.toggle(key="view.previous").set_value(False).run()
    assert "previous train" not in uids(page)
    assert "grey and dashed" not in texts(page)


def test_whoever_opens_the_page_later_sees_the_run_before_on_the_same_data(open_page):
    page = open_page(data__name="iris", fit__epochs="2", pace="full speed")
    trained(page)
    other = open_page(data__name="wine", fit__epochs="2", pace="full speed")
    trained(other)
    assert "previous train" not in uids(open_page())

    trained(page)

    assert "previous train" in uids(open_page())
    page.selectbox(key="data.name").set_value("diabetes").run()
    trained(page)
    assert "previous train" not in uids(page)


def test_the_trivial_answer_is_drawn_as_the_run_told_it(open_page):
    page = open_page(data__name="iris", fit__epochs="2", fit__validation_split="0.2", pace="full speed")
    trained(page)

    later = open_page()

    answer = next(trace for trace in spec(later, "accuracy")["data"] if trace["uid"] == "answer")
    assert answer["name"].startswith("commonest class")
    (run,) = server_resources().store.runs()
    (told,) = [row.data for row in server_resources().store.events(run.uid, "told") if row.data["kind"] == "trivial"]
    assert told["rows"] == "validation"
    assert f"{told['answers']['accuracy']['value']:#.4g}" in answer["name"]


def test_the_fair_training_loss_is_drawn_where_it_was_wished_with_its_cost(open_page):
    page = open_page(data__name="iris", fit__epochs="30", fit__validation_split="0.2", view__fair="true")
    trained(page)

    assert "fair" in uids(page)
    assert re.search(r"\+\d.* so far, \d+%", texts(page))
    page.toggle(key="view.fair").set_value(False).run()
    assert "fair" not in uids(page)
    assert "so far" not in texts(page)
