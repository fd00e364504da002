"""Sequences, several inputs and several targets on the page: chosen, trained, drawn."""

import pytest

from fitdash.data.tables.loaded_dataset import load_dataset
from tests.pages.conftest import charts, texts, trained
from tests.pages.test_form import by_key, fit_button


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("regimes", ["loss", "accuracy"]),
        ("digits_halves", ["loss", "accuracy"]),
        ("linnerud", ["loss", "Weight_loss", "Waist_loss", "Pulse_loss"]),
    ],
)
def test_data_of_another_shape_trains_with_the_network_that_it_needs(open_page, name, drawn):
    page = open_page(data__name=name, fit__epochs="2", fit__validation_split="0.2", pace="full speed")
    assert not fit_button(page).disabled

    _, logs = trained(page)
    page.run()

    assert charts(page)[: len(drawn)] == drawn
    assert len(logs[-1]) == 2 * len([log for log in logs[-1] if not log.startswith("val_")])


def test_a_network_that_does_not_fit_is_told_at_its_control(open_page):
    page = open_page(data__name="regimes", network__kind="cnn")

    known = "'auto' or 'gru' or 'lstm' or 'mlp' or 'layers'"
    assert f"kind must be {known} for data with a label per step, got 'cnn'." in texts(page)
    assert fit_button(page).disabled


def test_the_weight_of_each_output_is_asked_by_its_name_and_counts(open_page):
    page = open_page(data__name="linnerud", fit__epochs="1", compile__loss_weights="custom", pace="full speed")

    by_key(page, "compile.loss_weights.Weight").set_value(0.0).run()
    by_key(page, "compile.loss_weights.Pulse").set_value(0.0).run()
    _, (logs,) = trained(page)

    assert logs["loss"] == pytest.approx(logs["Waist_loss"], rel=1e-6)


def test_a_link_sets_the_weights_of_outputs(open_page):
    page = open_page(data__name="linnerud", compile__loss_weights="custom", compile__loss_weights__Pulse="0")

    assert by_key(page, "compile.loss_weights.Pulse").value == 0
    assert "loss\\_weights custom" in next(e.label for e in page.expander if "Compile" in e.label)


def test_classes_of_steps_are_counted_and_evened_out_over_all_steps(open_page):
    page = open_page(data__name="regimes", data__samples="40", fit__class_weight="balanced")
    counts = load_dataset("regimes", samples=40).facts().label_counts

    assert sum(counts) == 40 * 30
    assert all(f"{count:,} steps · 33%" in texts(page) for count in counts)


@pytest.mark.parametrize(
    ("name", "data", "network"),
    [
        ("regimes", "600 rows · 30 columns → 3 classes at each of 30 steps", "gru 64 × 2 · 38,019 parameters"),
        ("digits_halves", "1,797 rows · 64 columns → 10 classes", "branches 64 × 2 relu"),
        ("linnerud", "20 rows · 3 columns → 3 numbers", "heads 64 × 2 relu"),
        ("iris", "150 rows · 4 columns → 3 classes", "64 × 2 relu · 4,675 parameters"),
    ],
)
def test_each_section_says_in_a_line_what_the_data_is_and_what_is_built_for_it(open_page, name, data, network):
    labels = " ".join(expander.label for expander in open_page(data__name=name).expander).replace("\\", "")

    assert data in labels
    assert network in labels
