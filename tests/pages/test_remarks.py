"""What the form says beside values: remarks that stop nothing, and problems that can always be set right."""

from fitdash.data.tables.upload import save_upload
from fitdash.runs.protocol.paths import home
from tests.pages.conftest import texts
from tests.pages.test_form import by_key, fit_button


def test_a_remark_stands_at_its_control_and_is_counted_at_the_plan_and_fit_stays_free(open_page):
    page = open_page(data__name="iris", fit__batch_size="500")

    amber = [caption.value.replace("\\", "") for caption in page.caption if ":orange[" in caption.value]

    assert amber == [":orange[batch_size is 500 but there are 150 training rows: one update per pass.]"]
    assert ":orange[1 remark]" in texts(page)
    assert not fit_button(page).disabled


def test_a_remark_on_a_callback_stands_in_its_card(open_page):
    page = open_page(data__name="iris", callbacks="EarlyStopping")

    assert "EarlyStopping watches val_loss, which will not exist" in texts(page)


def test_a_problem_without_effect_can_be_set_right(open_page):
    page = open_page(fit__validation_split="1.0", fit__validation_data="stratified")
    split = by_key(page, "fit.validation_split")
    assert fit_button(page).disabled
    assert not split.proto.disabled

    split.set_value(0.2).run()

    assert not page.exception
    assert not fit_button(page).disabled
    page.run()
    assert not fit_button(page).disabled
    assert "No effect while validation_data is set" in texts(page)
    assert by_key(page, "fit.validation_split").value == 0.2


def test_an_order_in_time_and_a_value_far_from_all_others_are_named_at_their_controls(open_page):
    days = [f"{year}-{month:02d}-{day:02d}" for year in (2025, 2026) for month in range(1, 13) for day in range(1, 29)]
    rows = [f"{day},{1e6 if i == 5 else i * i % 97},{'ab'[i % 2]}" for i, day in enumerate(days)]
    text = "\n".join(["day,price,kind", *rows]) + "\n"
    content = save_upload(text.encode(), home() / "uploads")
    page = open_page(data__name="upload", data__content=content, fit__validation_split="0.2")

    told = texts(page)

    assert ":orange[day goes one way with the rows, as time does, so validation is on one end of it alone" in told
    assert ":orange[Also standardised, price reaches 26 standard deviations from its mean" in told
    assert not fit_button(page).disabled

    by_key(page, "fit.validation_data").set_value("random").run()

    assert "rows held out by chance lie between training rows" in texts(page)
