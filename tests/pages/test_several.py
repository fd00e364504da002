"""Several values of a setting: one run for each."""

import json

from fitdash.settings.experiment import Experiment
from fitdash.ui.session.server_resources import server_resources
from tests.pages.conftest import texts, until
from tests.pages.test_form import by_key, fit_button

RATES = {"several": "true", "several.compile.learning_rate": "0.1, 0.01, 3e-4"}


def opened(open_page, **more):
    values = {"data.name": "iris", "fit.epochs": "2", "pace": "full speed"} | RATES | more
    return open_page(**{key.replace(".", "__"): value for key, value in values.items()})


def runs(store):
    return [Experiment.from_dict(run.experiment) for run in reversed(store.runs())]


def test_one_run_for_each_listed_value_is_queued_and_trained(open_page):
    page = opened(open_page)
    assert "**3 runs**, one after the other" in texts(page)

    fit_button(page).click().run()
    until(page, "finished")
    for run in server_resources().runner.active():
        run.join(60)
    server_resources().writer.flush()

    assert [run.compile.learning_rate for run in runs(server_resources().store)] == [0.1, 0.01, 0.0003]
    assert {run.state for run in server_resources().store.runs()} == {"finished"}
    assert {len(server_resources().store.epochs(run.uid)) for run in server_resources().store.runs()} == {2}


def test_runs_of_one_fit_are_drawn_together_and_each_gives_its_settings(open_page):
    page = opened(open_page)
    fit_button(page).click().run()
    until(page, "3 of them over")

    names = {json.loads(one.proto.json).get("name") for one in page.get("bidi_component")}
    assert "together" in names
    last = server_resources().store.runs()[0]
    page.button(key=f"take-{last.uid}").click().run()

    assert not page.exception
    assert by_key(page, "compile.learning_rate").value == 0.0003
    assert page.query_params["run"] == last.uid
    assert "runs**, one after" not in texts(page)


def test_two_lists_make_every_combination(open_page):
    page = opened(open_page, **{"several.fit.batch_size": "8..24 step 8"})

    assert "**9 runs**" in texts(page)


def test_a_list_of_a_callback_is_read_from_its_card(open_page):
    page = opened(
        open_page,
        **{
            "callbacks": "EarlyStopping",
            "fit.validation_split": "0.2",
            "several.callbacks.EarlyStopping.patience": "1, 5",
        },
    )

    assert "**6 runs**" in texts(page)


def test_rows_are_weighed_in_each_listed_way(open_page):
    said = "not set, petal width (cm), above(petal length (cm), 4, 3)"
    page = open_page(
        data__name="iris", fit__epochs="1", pace="full speed", several="true", several__fit__sample_weight=said
    )
    assert "**3 runs**" in texts(page)

    fit_button(page).click().run()
    until(page, "finished")
    for run in server_resources().runner.active():
        run.join(60)
    server_resources().writer.flush()

    found = runs(server_resources().store)
    assert [run.fit.sample_weight for run in found] == [None, "petal width (cm)", "above(petal length (cm), 4, 3)"]
    assert {run.state for run in server_resources().store.runs()} == {"finished"}
    losses = [server_resources().store.epochs(run.uid)[0].logs["loss"] for run in server_resources().store.runs()]
    assert len(set(losses)) == 3


def test_a_listed_weight_that_cannot_be_is_told_before_anything_trains(open_page):
    page = opened(open_page, **{"several.fit.sample_weight": "not set, equal(species, tulip, 2)"})

    assert "sample_weight must hold 'species' against one of its values, got 'tulip'." in texts(page)
    assert fit_button(page).disabled


def test_what_cannot_be_a_value_stands_at_its_control_and_blocks_fit(open_page):
    page = opened(open_page, **{"several.fit.batch_size": "8, many"})

    told = [caption.value for caption in page.caption if ":red[" in caption.value]

    assert len(told) == 1
    assert "batch" in told[0]
    assert fit_button(page).disabled


def test_too_many_runs_are_refused(open_page):
    page = opened(open_page, **{"several.fit.batch_size": "1..100"})

    assert "at most 50 runs, got 300 combinations" in texts(page)


def test_without_the_switch_nothing_is_listed(open_page):
    page = open_page(data__name="iris")

    assert "runs**" not in texts(page)
    assert by_key(page, "fit.batch_size").value is None
