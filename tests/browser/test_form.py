"""A field and the slider beside it, by hand."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_journey import open_page

pytestmark = pytest.mark.browser


def test_a_slider_can_be_moved_right_after_its_field(context, server):
    page = open_page(context, server)
    field = page.get_by_role("spinbutton", name="validation_split", exact=True)
    slider = page.get_by_role("slider", name="validation_split slider")

    field.fill("0.22")
    slider.focus()  # which tells what was typed
    expect(slider).to_have_value("0.22")
    page.keyboard.press("ArrowRight")

    expect(field).to_have_value("0.23")
    expect(page.locator(".st-key-plan")).to_contain_text("414 rows")
