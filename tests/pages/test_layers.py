"""Layers as cards: take a preset over, add, order, remove; what is listed is what trains."""

from fitdash.settings.experiment import Experiment
from fitdash.settings.layers import DenseArgs, DropoutArgs
from fitdash.settings.network import NetworkArgs
from fitdash.ui.form.widget_values import to_widget_values
from tests.pages.conftest import adder, texts, trained
from tests.pages.test_form import by_key, fit_button


def slots(page):
    return page.query_params.get("layers", [])


def add(page, kind):
    adder(page, "layers").set_value(kind).run()
    assert not page.exception


def test_a_preset_becomes_cards_with_one_click(open_page):
    page = open_page(data__name="iris", network__width="8", network__dropout="0.25")

    page.button(key="edit_layers").click().run()

    assert not page.exception
    assert slots(page) == ["Dense", "Dropout", "Dense~2", "Dropout~2"]
    assert by_key(page, "layers.Dense~2.units").value == 8
    assert by_key(page, "layers.Dropout.rate").value == 0.25
    assert page.query_params["network.kind"] == "layers"
    assert "gives 8 · 40 parameters" in texts(page)
    assert "then the output: Dense 3 softmax · 27 parameters" in texts(page)
    assert not fit_button(page).disabled


def test_choosing_layers_begins_with_the_preset_and_comes_back_to_what_was_listed(open_page):
    page = open_page(data__name="iris")

    by_key(page, "network.kind").set_value("layers").run()
    assert slots(page) == ["Dense", "Dense~2"]
    by_key(page, "layers.Dense~2.units").set_value(5).run()
    by_key(page, "network.kind").set_value("mlp").run()
    assert slots(page) == []
    by_key(page, "network.kind").set_value("layers").run()

    assert not page.exception
    assert by_key(page, "layers.Dense~2.units").value == 5


def test_cards_are_added_ordered_and_removed_and_what_they_say_trains(open_page, seen):
    page = open_page(
        data__name="iris", fit__epochs="1", network__kind="layers", layers=["Dense"], layers__Dense__units="6"
    )
    add(page, "Dropout")
    add(page, "Dense")
    page.button(key="up-Dense~2").click().run()
    page.button(key="remove-Dropout").click().run()
    assert slots(page) == ["Dense", "Dense~2"]

    run, _ = trained(page)

    layers = run.experiment["network"]["layers"]
    assert [(layer["kind"], layer["units"]) for layer in layers] == [("Dense", 6), ("Dense", 64)]
    assert [tuple(one.shape) for one in seen.modules[-1].parameters()] == [(6, 4), (6,), (64, 6), (64,), (3, 64), (3,)]


def test_a_browser_that_has_not_drawn_the_new_card_yet_adds_no_second_one(open_page):
    page = open_page(data__name="iris", network__kind="layers", layers=["Dense"], layers__Dense__units="6")
    adder(page, "layers").set_value("Dropout")
    chosen = page._tree.get_widget_states()

    page._run(chosen)
    page._run(chosen)

    assert not page.exception
    assert slots(page) == ["Dense", "Dropout"]
    assert adder(page, "layers").value is None


def test_a_wrong_order_is_told_at_its_card_and_stops_fit(open_page):
    page = open_page(data__name="digits", network__kind="layers", layers=["Flatten", "Conv2D"])

    assert fit_button(page).disabled
    assert "Conv2D must get an image, got 64 numbers in a row. Move it before Flatten." in texts(page)

    page.button(key="up-Conv2D").click().run()

    assert not fit_button(page).disabled


def test_the_form_is_filled_with_layers_and_the_link_says_them(open_page):
    page = open_page(data__name="iris")
    network = NetworkArgs(kind="layers", layers=(DenseArgs(units=9), DropoutArgs(rate=0.1)))

    page.session_state["page"].filling = to_widget_values(Experiment(network=network))
    page.run()

    assert not page.exception
    assert slots(page) == ["Dense", "Dropout"]
    assert page.query_params["layers.Dense.units"] == "9"
    assert by_key(page, "layers.Dropout.rate").value == 0.1
