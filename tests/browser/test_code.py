"""The code of the form and everything of a run, in a real browser."""

import io
import json
import re
import zipfile

import pytest
from playwright.sync_api import expect

from tests.browser.test_journey import expect_state, fit, open_page

pytestmark = pytest.mark.browser

CALL = "model %>% fit(x_train, y_train, epochs = 3L, batch_size = 64, # a note\n  callbacks = list(callback_mine()),)"


def test_a_pasted_call_fills_the_form_and_the_code_follows(context, server):
    page = open_page(context, server, "?data.name=iris")
    page.get_by_text("the form in fitdash, Keras and R").click()
    box = page.get_by_role("textbox", name="paste a call")
    box.fill(CALL)
    box.press("Control+Enter")

    expect(page.get_by_text("callback_mine()").last).to_be_visible()
    page.get_by_role("button", name="Fill the form").click()

    expect(page.get_by_label("epochs", exact=True)).to_have_value("3")
    expect(page.locator(".st-key-plan")).to_contain_text("3 epochs")
    page.wait_for_url(re.compile("fit.batch_size=64"))
    expect(page.locator(".st-key-code")).to_contain_text("model.fit(x, y, batch_size=64, epochs=3)")
    page.get_by_role("tab", name="R", exact=True).click()
    expect(page.locator(".st-key-code")).to_contain_text("epochs = 3L")


def test_everything_of_a_run_comes_in_one_file(context, server):
    page = open_page(context, server, "?data.name=iris&fit.epochs=2&pace=full")
    uid = fit(page)
    expect_state(page, "finished")

    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Everything (ZIP)").click()

    with zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())) as packed:
        manifest = json.loads(packed.read("manifest.json"))
        assert manifest["run"] == uid
        assert {file["name"] for file in manifest["files"]} | {"manifest.json"} == set(packed.namelist())
        assert f"{uid}-report.html" in packed.namelist()
