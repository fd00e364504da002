"""How soon the page reacts to a click or a key: python -m benchmarks.clicks --help.

The real server and a real Chromium, a run on the digits that does not end. Milliseconds from the key or the click to
the change on the page: the plan line after another validation_split, Pause and Resume on their button. Changes while
the run trains at full speed and while it is paused alternate.
"""

import argparse
import random
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.live import launched, opened, served

ARM = """([selector, pattern]) => {
  const told = () => document.querySelector(selector)?.innerText.match(pattern)?.[0], before = told();
  window.answer = new Promise((resolve, reject) => {
    let began;
    setTimeout(() => reject(new Error(`no answer in 20 s: ${told()}`)), 20000);
    const note = event => {
      if (event.type === 'keydown' && event.key !== 'Enter') return;
      began ??= performance.now();
    };
    for (const kind of ['keydown', 'click']) document.addEventListener(kind, note, {capture: true});
    const watcher = new MutationObserver(() => {
      if (began === undefined || [undefined, before].includes(told())) return;
      watcher.disconnect();
      for (const kind of ['keydown', 'click']) document.removeEventListener(kind, note, {capture: true});
      resolve(performance.now() - began);
    });
    watcher.observe(document.body, {subtree: true, childList: true, characterData: true});
  });
}"""
PLAN = [".st-key-plan", r"validates on [\d,]+"]
BUTTON = [".st-key-pause", "Pause|Resume"]
REST_MS = 700
"""Milliseconds between two changes, after which the page has drawn the first."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20, help="of every change")
    times = parser.parse_args().times
    from playwright.sync_api import sync_playwright

    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server, url = served(Path(folder))
        browser = launched(playwright)
        try:
            page = opened(browser, f"{url}/?fit.epochs=1000000&fit.validation_split=0.2&pace=full+speed")
            page.get_by_role("button", name="Fit", exact=True).click()
            page.locator(".st-key-state").get_by_text("running").wait_for()
            for turn in range(times):
                for trains in random.sample([True, False], 2):
                    word = "Resume" if trains else "Pause"
                    if page.locator(BUTTON[0]).get_by_text(word, exact=True).count():
                        said = f"{word} on its button"
                        found.setdefault(said, []).append(pressed(page, word))
                    said = "another plan " + ("while it trains" if trains else "while it stands still")
                    found.setdefault(said, []).append(changed(page, 0.1 + 0.01 * ((2 * turn + trains) % 60)))
        finally:
            browser.close()
            server.terminate()
            server.wait()
    print("| answer | times | ms, median | least | most |\n|---|---|---|---|---|")
    for said, took in sorted(found.items()):
        cells = [f"{time:.0f}" for time in (statistics.median(took), min(took), max(took))]
        print(f"| {said} | {len(took)} | {' | '.join(cells)} |")


def pressed(page: Any, word: str) -> float:
    """Milliseconds until the button has another label."""
    page.wait_for_timeout(REST_MS)
    page.evaluate(ARM, BUTTON)
    page.get_by_role("button", name=word, exact=True).click()
    return float(page.evaluate("() => window.answer"))


def changed(page: Any, share: float) -> float:
    """Milliseconds until the plan line shows the new number of validation rows."""
    field = page.get_by_role("spinbutton", name="validation_split", exact=True)
    page.wait_for_timeout(REST_MS)
    field.fill(f"{share:.2f}")
    page.evaluate(ARM, PLAN)
    field.press("Enter")
    return float(page.evaluate("() => window.answer"))


if __name__ == "__main__":
    main()
