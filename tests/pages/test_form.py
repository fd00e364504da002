"""The form: drawn from the declaration, bound to the link, judged all at once."""

import pytest

from fitdash.settings.fit import FIT_ARGUMENTS
from fitdash.ui.form import controls
from tests.pages.conftest import texts

KINDS = ("number_input", "selectbox", "multiselect", "button_group", "text_input")


def widgets(page):
    return [widget for kind in KINDS for widget in page.get(kind)]


def by_key(page, key):
    return next(widget for widget in widgets(page) if widget.key == key)


def fit_button(page):
    return page.button(key="fit")


def test_every_argument_of_fit_is_a_control_with_its_exact_name(open_page):
    page = open_page(data__name="upload")

    labels = {widget.label for widget in widgets(page)}

    assert {argument.name for argument in FIT_ARGUMENTS} - labels == {"..."}
    assert "`...`" in texts(page)


def test_none_is_a_state_in_sight_that_tells_what_it_comes_to(open_page):
    page = open_page(fit__batch_size="50")

    assert by_key(page, "fit.steps_per_epoch").placeholder == "not set → 36"
    assert by_key(page, "compile.learning_rate").placeholder == "not set → 0.001"


def test_a_link_says_what_is_planned(open_page):
    page = open_page(data__name="iris", fit__epochs="7", fit__validation_split="0.2", fit__shuffle="off", seed="5")

    assert page.number_input(key="seed").value == 5
    assert by_key(page, "fit.epochs").value == 7
    assert "trains on **120** rows in 4 batches of 32, the last of 24" in texts(page)
    assert "validates on **30** rows" in texts(page)
    assert "**7 epochs**, 28 updates" in texts(page)


def test_a_link_chooses_columns_of_the_data_that_it_names(open_page):
    page = open_page(data__name="iris", data__features="petal width (cm)", fit__sample_weight="petal length (cm)")

    assert by_key(page, "data.features").value == ["petal width (cm)"]
    assert by_key(page, "fit.sample_weight").value == "petal length (cm)"

    page.selectbox(key="data.name").set_value("wine").run()

    assert not page.exception
    assert by_key(page, "data.features").value == []
    assert not fit_button(page).disabled


def test_all_problems_stand_at_their_controls_and_block_fit(open_page):
    page = open_page(fit__epochs="0", fit__validation_split="1.0", network__width="0")

    told = [caption.value for caption in page.caption if ":red[" in caption.value]

    assert any("epochs must be at least 1, got 0" in text for text in told)
    assert any("must be below 1, got 1" in text for text in told)
    assert any("width must be at least 1" in text for text in told)
    assert fit_button(page).disabled
    assert "And 2 more" in texts(page)


def test_a_section_with_a_problem_is_marked_though_it_is_folded(open_page):
    page = open_page(fit__epochs="0", network__width="0")

    marked = [expander.label for expander in page.expander if ":red[" in expander.label]

    assert [label.split("**")[1] for label in marked] == ["Network", "Time"]


def test_a_fixed_problem_lets_fit_go(open_page):
    page = open_page(fit__epochs="0")

    by_key(page, "fit.epochs").set_value(3).run()

    assert not page.exception
    assert not fit_button(page).disabled


@pytest.mark.parametrize(
    "link",
    [{"seed": "-1"}, {"fit__epochs": "abc"}, {"data__name": "../etc"}, {"callbacks": "Evil"}, {"run": "<script>"}],
)
def test_hostile_values_in_a_link_crash_nothing(open_page, link):
    page = open_page(**link)

    assert not fit_button(page).disabled


def test_a_control_without_effect_keeps_its_value_and_says_why(open_page):
    page = open_page(fit__shuffle="off", fit__steps_per_epoch="5")

    shuffle = by_key(page, "fit.shuffle")

    assert shuffle.proto.disabled
    assert shuffle.value is False
    assert "No effect while steps_per_epoch is set" in texts(page)


def test_one_click_holds_out_a_stratified_part(open_page):
    page = open_page(data__name="iris")

    page.button(key="hold_out").click().run()

    assert not page.exception
    assert by_key(page, "fit.validation_data").value == "stratified"
    assert "validates on **30** rows" in texts(page)


def test_a_weight_per_class_is_asked_by_its_name(open_page):
    page = open_page(data__name="iris", fit__class_weight="custom")

    labels = [widget.label for widget in page.number_input if str(widget.key).startswith("fit.class_weight.")]

    assert labels == ["0: setosa", "1: versicolor", "2: virginica"]


def test_a_chosen_callback_brings_its_settings(open_page):
    page = open_page(callbacks="EarlyStopping", fit__validation_split="0.2")

    assert by_key(page, "callbacks.EarlyStopping.monitor").options == [
        "val_loss",
        "loss",
        "accuracy",
        "val_accuracy",
    ]
    by_key(page, "callbacks.EarlyStopping.patience").set_value(-1).run()
    assert fit_button(page).disabled


def test_the_form_starts_from_the_options_of_the_library(open_page, monkeypatch):
    monkeypatch.setattr("fitdash.options.fit_verbose", 2)
    monkeypatch.setattr("fitdash.options.view_metrics", False)

    page = open_page()

    assert by_key(page, "fit.verbose").value == 2
    assert by_key(page, "fit.view_metrics").value is False


def test_the_strip_shows_what_the_split_takes_and_offers_the_way_out(open_page):
    page = open_page(data__name="wine", data__order="sorted", fit__validation_split="0.3")
    assert "above the 124 training rows, below the 54 validation rows" in texts(page)

    page.button(key="stratify").click().run()

    assert by_key(page, "fit.validation_data").value == "stratified"
    assert by_key(page, "fit.validation_data.share").value == 0.3
    assert "no validation row is of class" not in texts(page)
    assert "stratify" not in {button.key for button in page.button}


def test_a_short_form_leaves_out_what_is_rare_and_at_its_default(open_page):
    page = open_page(basic="true", fit__validation_split="0.2", fit__validation_steps="2")

    keys = {widget.key for widget in widgets(page)}

    assert {"fit.epochs", "fit.validation_split", "fit.validation_steps"} <= keys
    assert not {"fit.initial_epoch", "fit.steps_per_epoch", "fit.validation_freq", "compile.momentum"} & keys


def test_one_click_sets_a_handy_value(open_page):
    page = open_page()

    page.button(key="fit.epochs.handy.100").click().run()

    assert by_key(page, "fit.epochs").value == 100
    assert page.query_params["fit.epochs"] == "100"


def slider(page):
    """The one beside validation_split."""
    return next(one for one in page.slider if one.label == "validation_split slider")


def test_a_slider_and_its_field_say_the_same(open_page):
    page = open_page(fit__validation_split="0.25")
    assert slider(page).value == 0.25

    slider(page).set_value(0.4).run()

    assert by_key(page, "fit.validation_split").value == 0.4
    assert page.query_params["fit.validation_split"] == "0.4"


def test_a_slider_that_did_not_hear_of_the_field_yet_does_not_set_it_back(open_page, monkeypatch):
    page = open_page()
    by_key(page, "fit.validation_split").set_value(0.3).run()

    slider(page).set_value(0.0)  # what the browser still shows
    by_key(page, "fit.epochs").set_value(7).run()

    assert by_key(page, "fit.validation_split").value == slider(page).value == 0.3
    monkeypatch.setattr(controls, "LATE_SECONDS", 0.0)
    slider(page).set_value(0.0).run()
    assert by_key(page, "fit.validation_split").value == 0.0


def test_a_slider_that_was_heard_late_by_another_part_of_the_page_does_not_set_its_field_back(open_page):
    page = open_page()
    by_key(page, "fit.validation_split").set_value(0.3).run()
    page.session_state["fit.validation_split.slider"] = 0.0  # told late, while nothing of the form was drawn

    slider(page).set_value(0.3)  # news to the server, and to nobody else
    by_key(page, "fit.validation_split").set_value(0.35).run()

    assert by_key(page, "fit.validation_split").value == slider(page).value == 0.35


@pytest.mark.parametrize(("text", "never"), [("2", False), ("2, 3", True), ("2 5", False)])
def test_validation_freq_takes_one_number_or_several(open_page, text, never):
    page = open_page(data__name="iris", fit__epochs="5", fit__initial_epoch="3", fit__validation_split="0.2")

    by_key(page, "fit.validation_freq").set_value(text).run()

    assert not fit_button(page).disabled
    assert ("never validates" in texts(page)) == never


def test_a_word_as_validation_freq_is_a_problem(open_page):
    page = open_page(fit__validation_split="0.2", fit__validation_freq="often")

    assert "validation_freq must be an integer or a list of integers, got 'often'" in texts(page)
    assert fit_button(page).disabled


def test_each_class_tells_how_much_of_the_loss_it_makes_up(open_page):
    page = open_page(data__name="breast_cancer", fit__class_weight="custom")
    assert "212 rows · 37%" in texts(page)

    page.button(key="fit.class_weight.even").click().run()

    assert "212 rows · 50%" in texts(page)
    assert by_key(page, "fit.class_weight.0").value == pytest.approx(569 / 2 / 357, abs=1e-4)
    assert "fit.class_weight.0" in page.query_params


def test_balanced_weights_are_told(open_page):
    page = open_page(data__name="breast_cancer", fit__class_weight="balanced")

    assert "malignant × 1.34 · 212 rows · 50%" in texts(page)


def test_the_layers_of_the_network_are_listed_with_their_shapes(open_page):
    import fitdash.nn.registry  # noqa: F401

    page = open_page(data__name="iris", network__width="16", network__depth="1")

    table = page.dataframe[0].value
    assert table["kind"].tolist() == ["Linear", "ReLU", "Linear", "Softmax"]
    assert table["gives"].tolist() == ["16", "16", "3", "3"]
    assert table["parameters"].sum() == 5 * 16 + 17 * 3


def test_the_plan_says_that_two_kinds_of_weights_are_multiplied(open_page):
    page = open_page(data__name="iris", fit__class_weight="balanced", fit__sample_weight="petal length (cm)")
    assert "class_weight times sample_weight" in texts(page)

    page = open_page(data__name="diabetes", fit__class_weight="balanced", fit__sample_weight="age")

    assert "Plan:" in texts(page)
    assert "class_weight times sample_weight" not in texts(page)
