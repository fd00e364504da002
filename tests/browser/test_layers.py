"""The layers of a network as cards, in a real browser."""

import re

import pytest
from playwright.sync_api import TimeoutError, expect

from fitdash.runs.record.store import Store
from tests.browser.conftest import wait_for
from tests.browser.test_journey import button, expect_state, fit, open_page

pytestmark = pytest.mark.browser

LINK = "?data.name=digits&network.kind=cnn&network.width=4&network.depth=1&fit.epochs=1&pace=full+speed"


def in_link(page, *slots):
    """Wait until the link, which the server writes, has these layers."""
    page.wait_for_url(re.compile("&".join(f"layers={slot}" for slot in slots) + "(&(?!layers=)|$)"))


def choose(page, label, words):
    """Choose from a list; one that is open closes where the page is drawn again."""
    option = page.get_by_role("option", name=re.compile(f"^{words}"))

    def chosen():
        page.get_by_label(label, exact=True).click()
        try:
            option.click(timeout=3000)
        except TimeoutError:
            return False
        return True

    wait_for(chosen)


def card(page, slot):
    return page.locator(f".st-key-card-{slot}")


def test_a_preset_is_edited_as_cards_and_what_they_say_is_trained(context, server):
    page = open_page(context, server, LINK)
    page.get_by_text("cnn 4 × 1 relu").click()
    button(page, "Edit layers").click()
    in_link(page, "Conv2D", "MaxPooling2D", "Flatten")

    choose(page, "layers", "Dense: ")
    in_link(page, "Conv2D", "MaxPooling2D", "Flatten", "Dense")
    units = card(page, "Dense").get_by_label("units", exact=True)
    units.fill("9")
    units.press("Enter")
    expect(card(page, "Dense")).to_contain_text("gives 9 · 585 parameters")

    button(page, "move Dense up").click()
    in_link(page, "Conv2D", "MaxPooling2D", "Dense", "Flatten")
    expect(card(page, "Dense")).to_contain_text("Put Flatten before it.")
    expect(button(page, "Fit")).to_be_disabled()
    button(page, "move Flatten up").click()
    in_link(page, "Conv2D", "MaxPooling2D", "Flatten", "Dense")
    expect(button(page, "Fit")).to_be_enabled()
    button(page, "remove MaxPooling2D").click()
    in_link(page, "Conv2D", "Flatten", "Dense")
    expect(card(page, "Dense")).to_contain_text("gives 9 · 2,313 parameters")

    uid = fit(page)
    expect_state(page, "finished")
    with Store(server.home / "runs.db") as store:
        layers = store.run(uid).experiment["network"]["layers"]
    assert [layer["kind"] for layer in layers] == ["Conv2D", "Flatten", "Dense"]
    assert [layers[0]["filters"], layers[2]["units"]] == [4, 9]
