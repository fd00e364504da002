"""The Sweep page: what varies, what is searched, what came of it."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from fitdash.runs.protocol.events import Changed, Created, EpochEnded, SweepEnded
from fitdash.runs.record import sweeps
from fitdash.settings.compile import CompileArgs
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.declaration import settings_of
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.layers import DenseArgs
from fitdash.settings.network import NetworkArgs
from fitdash.settings.search_space import parse_search_space
from fitdash.sweeps.config import make_sweep_config
from fitdash.ui.form import value_lists
from fitdash.ui.session.server_resources import server_resources
from fitdash.ui.session.sweeper import sweeper
from fitdash.ui.view_models.formatting import labels_of
from tests.pages.conftest import APP, SECONDS, texts, wait_for
from tests.pages.test_form import by_key

PARALLEL = "sweep-parallel"
VARIED = {"several.compile.learning_rate": "0.001, 0.1", "several.network.width": "4, 8"}


@pytest.fixture
def sweep_page(open_page):
    """The page of a link; its sweeps end with the test."""

    def opened(**values):
        page = open_page(**{"data.name": "iris", "fit.epochs": "2", "fit.validation_split": "0.2"} | values)
        page.switch_page("pages/sweep.py").run()
        assert not page.exception
        return page

    yield opened
    sweeper().shutdown(10)


def test_a_link_says_what_is_searched_for():
    page = AppTest.from_file(APP, default_timeout=SECONDS).switch_page("pages/sweep.py")
    page.query_params["fit.validation_split"] = "0.2"
    page.query_params["sweep.objective"] = "val_accuracy"

    page.run()

    assert not page.exception
    assert by_key(page, "sweep.objective").value == "val_accuracy"


def start(page):
    return page.button(key="start_sweep")


def searched(page):
    """Press the button, draw the page once the search is over, and give the runs of the trials."""
    start(page).click().run()
    uid = page.session_state["sweep.shown"]
    wait_for(lambda: sweeper().join(uid, SECONDS))
    page.run()
    assert not page.exception
    return server_resources().store.runs(sweep=uid)


def drawn(page):
    return [json.loads(one.proto.json).get("name") for one in page.get("bidi_component")]


def test_every_setting_that_may_vary_has_a_switch_and_no_other(sweep_page):
    page = sweep_page()

    switches = {toggle.key.removeprefix("vary.") for toggle in page.toggle if str(toggle.key).startswith("vary.")}

    declared = {
        f"{name}.{field}"
        for name, cls in (("compile", CompileArgs), ("fit", FitArgs), ("network", NetworkArgs))
        for field, setting in settings_of(cls).items()
        if setting.arg.vary
    }
    assert declared <= switches
    assert "fit.validation_freq" not in switches


def test_a_switch_suggests_a_range_that_can_be_searched(sweep_page):
    page = sweep_page()
    assert start(page).disabled

    page.toggle(key="vary.compile.learning_rate").set_value(True).run()

    assert not page.exception
    assert by_key(page, "several.compile.learning_rate").value == "0.0001..0.1 log"
    assert not start(page).disabled
    assert "**learning_rate** 0\\.0001\\.\\.0\\.1 log".replace("\\", "") in texts(page)

    page.toggle(key="vary.compile.learning_rate").set_value(False).run()
    assert start(page).disabled


def test_the_plan_says_how_many_trials_train_together(sweep_page):
    page = sweep_page(**{"several.compile.learning_rate": "0.0001..0.1 log", "sweep.sampler": "random"})

    assert f"{sweeper().most} at once, up to 32 together in one program" in texts(page)

    page.number_input(key="network.dropout").set_value(0.5).run()

    assert "at once" in texts(page)
    assert "together" not in texts(page)


@pytest.mark.parametrize("cls", [CompileArgs, FitArgs, NetworkArgs])
def test_every_suggestion_is_within_the_declaration(cls):
    from fitdash.settings.search_dimension import dimension_from

    for name, setting in settings_of(cls).items():
        if setting.arg.vary:
            dimension_from(value_lists.suggestion(setting), setting, f"{cls.section}.{name}")


def test_weights_of_rows_are_searched_and_the_loss_that_they_weigh_is_told(sweep_page):
    page = sweep_page(**{"several.fit.sample_weight": "not set, recency()", "sweep.sampler": "grid"})
    assert "sample_weight weighs loss too" in texts(page)

    by_key(page.run(), "sweep.objective").set_value("val_accuracy").run()
    assert "sample_weight weighs" not in texts(page)
    runs = searched(page)
    assert {run.state for run in runs} == {"finished"}
    assert {run.experiment["fit"].get("sample_weight") for run in runs} == {None, "recency()"}
    assert {"sweep-parallel", "sweep-slice"} <= set(drawn(page))


def test_what_cannot_be_searched_is_said_and_nothing_starts(sweep_page):
    page = sweep_page(**VARIED | {"several.network.width": "4, wide"})

    assert start(page).disabled
    assert "wide" in texts(page)


def test_a_grid_is_searched_to_its_end_and_the_best_can_be_used(sweep_page):
    page = sweep_page(**VARIED | {"sweep.sampler": "grid", "sweep.pruner": "none"})
    by_key(page.run(), "sweep.objective").set_value("val_loss").run()

    runs = searched(page)
    assert {run.state for run in runs} == {"finished"}
    tried = {(run.experiment["compile"]["learning_rate"], run.experiment["network"]["width"]) for run in runs}
    assert tried == {(0.001, 4), (0.001, 8), (0.1, 4), (0.1, 8)}
    assert "4 of 4 trials" in texts(page)
    assert "**Best val_loss" in texts(page)
    assert {"sweep-so-far", "sweep-curves", "sweep-parallel", "sweep-slice"} <= set(drawn(page))
    assert "extend_sweep" not in [button.key for button in page.button]  # a grid ends


def test_importance_says_how_sure_it_is(sweep_page):
    rates = {"several.compile.learning_rate": "0.001, 0.01, 0.1", "several.network.width": "4, 8, 16"}
    page = sweep_page(**rates | {"sweep.sampler": "grid", "sweep.pruner": "none"})
    searched(page)

    by_key(page, "sweep.against").set_value("importance").run()

    assert "sweep-importance" in drawn(page)
    assert "Of 9 finished trials; nine of ten samples redrawn from them lie within the whiskers." in texts(page)


def test_a_second_sweep_of_the_same_name_and_minute_is_the_one_that_is_shown(sweep_page):
    page = sweep_page(**VARIED | {"sweep.sampler": "grid", "sweep.pruner": "none"})
    searched(page)
    searched(page)
    with server_resources().store.write_transaction(durable=True) as db:
        db.execute("UPDATE sweeps SET created = 1e9")

    page.run()

    shown = page.selectbox(key="sweep.shown")
    assert len(set(shown.options)) == 2
    assert shown.value == sweeps.all_sweeps(server_resources().store)[0].uid


def test_settings_that_are_called_alike_are_told_apart(sweep_page):
    network = NetworkArgs(kind="layers", layers=(DenseArgs(units=4), DenseArgs(units=2)))
    listed = Experiment(data=DatasetArgs(name="iris"), network=network)
    space = {"network.layers.0.units": [4, 8], "network.layers.1.units": [2, 3]}
    recipe, store = make_sweep_config(listed, space, sampler="grid").to_dict(), server_resources().store
    sweeps.create_sweep(store, "s", name="units", recipe=recipe, budget={"trials": None, "seconds": None}, writer="w")
    for number, values in enumerate(parse_search_space(space, listed).grid(listed)):
        tried = parse_search_space(space, listed).apply(listed, values).to_dict()
        run = Created(uid=f"r{number}", name="", experiment=tried, writer="w", sweep="s", trial=number)
        store.write([run, EpochEnded(uid=run.uid, epoch=0, logs={"loss": 1.0}, seconds=0.1)])
        store.write([Changed(uid=run.uid, state="finished")])
    store.write([SweepEnded(uid="s", state="finished", seconds=1.0)])

    page = sweep_page()

    (parallel,) = [one for one in page.get("bidi_component") if json.loads(one.proto.json).get("name") == PARALLEL]
    axes = json.loads(json.loads(parallel.proto.json)["spec"])["data"][0]["dimensions"]
    assert [axis["label"] for axis in axes] == ["layer 1 units", "layer 2 units", "loss"]
    assert "layer 1 units 4 · layer 2 units 2" in texts(page)


@pytest.mark.parametrize(
    ("addresses", "names"),
    [
        (["network.width", "seed"], ["width", "seed"]),
        (["callbacks.0.patience", "callbacks.2.patience"], ["callback 1 patience", "callback 3 patience"]),
        (["compile.loss", "network.width"], ["compile.loss", "width"]),
    ],
)
def test_names_of_settings_are_short_where_they_are_their_own(addresses, names):
    assert list(labels_of(addresses, besides=["loss"]).values()) == names
