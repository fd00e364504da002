"""What viewers cost a run that trains, and how soon they see a point: python -m benchmarks.live --help.

The real server, with a run that trains on it, and viewers in a real Chromium. In every round each number of viewers is
measured once, in shuffled order, on one run. Epochs are counted in the record. On few cores the browsers themselves
take time from training: epochs per CPU second of the server and its processes leave them out.

With --script the run is trained by a script, `model.fit(..., view_metrics=True)`, in a process of its own: its own CPU
seconds are counted, and the server is another process that shows it.

On a machine with other load, only differences of a tenth or more show between two such windows. With --pairs one
viewer's browser is suspended every other two seconds (Linux), many times on a few runs: a mean with its standard error.

The second table: milliseconds from the end of an epoch, as the record has it, to the point in the chart of one viewer.
"""

import argparse
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from fitdash.runs.record.store import Store

CHART = ".st-key-chart-loss .fitdash-chart"
NOTE_POINTS = """selector => {
  const box = document.querySelector(selector);
  window.seen = [];
  new MutationObserver(() => window.seen.push([+box.dataset.rev, Date.now()]))
    .observe(box, {attributeFilter: ['data-rev']});
}"""
SCRIPT = """
import torch
import fitdash as fd
from fitdash.nn.registry import make_network
from fitdash.settings.network import NetworkArgs
from fitdash.settings.network_shape import NetworkShape

torch.set_num_threads(1)
x, y = fd.load_dataset("digits").arrays()
model = fd.Model(make_network(NetworkArgs(), NetworkShape(inputs=64, units=10), "softmax"))
model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=10000, validation_split=0.2, verbose=0, view_metrics=True)
"""
SETTLE_SECONDS = 2.0
"""Seconds until a newly opened page has finished loading and only follows the run."""
MOST_SECONDS = 60
PAIRED_SECONDS = 2.0
MOST_EPOCHS = 8500
"""Measurements end at this epoch of a run's 10,000, so that none reaches its end."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of every measurement")
    parser.add_argument("--script", action="store_true", help="the run is a script's, not the page's")
    parser.add_argument(
        "--pairs", type=int, default=0, help="of windows with and without one viewer, in place of rounds"
    )
    parser.add_argument("--viewers", type=int, nargs="*", default=[1, 5], help="how many of them, beside none")
    arguments = parser.parse_args()
    counts = [0, *arguments.viewers]
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        server, url = served(home)
        browser = launched(playwright)
        try:
            if arguments.pairs:
                print(paired_table(pairs(browser, url, home, server.pid, arguments.script, arguments.pairs)))
                return
            found: dict[int, list[tuple[float, float]]] = {viewers: [] for viewers in counts}
            with Store(home / "runs.db") as store:
                for _ in range(arguments.rounds):
                    uid, pid, end = begin(browser, url, home, store, arguments.script, server.pid)
                    for viewers in random.sample(counts, len(counts)):
                        pages = [opened(browser, f"{url}/?run={uid}") for _ in range(viewers)]
                        time.sleep(SETTLE_SECONDS)
                        found[viewers].append(speed(store, uid, pid, arguments.seconds))
                        for page in pages:
                            page.context.close()
                    end()
                print(watched_table(found))
                uid, _, end = begin(browser, url, home, store, arguments.script, server.pid)
                print(delay_table(delays(browser, f"{url}/?run={uid}", store, uid, arguments.seconds * 2)))
                end()
        finally:
            hold(False)
            browser.close()
            server.terminate()
            server.wait()


def pairs(browser: Any, url: str, home: Path, server: int, from_script: bool, count: int) -> list[tuple[float, float]]:
    """Epochs per second and per CPU second while a viewer watches, divided by those while its browser is suspended."""
    found: list[tuple[float, float]] = []
    with Store(home / "runs.db") as store:
        while len(found) < count:
            uid, pid, end = begin(browser, url, home, store, from_script, server)
            page = opened(browser, f"{url}/?run={uid}")
            time.sleep(SETTLE_SECONDS)
            while len(found) < count and store.epochs(uid)[-1].epoch < MOST_EPOCHS:
                rates = {}
                for looks in random.sample([True, False], 2):
                    hold(not looks)
                    time.sleep(0.5)
                    rates[looks] = speed(store, uid, pid, PAIRED_SECONDS)
                found.append((rates[True][0] / rates[False][0], rates[True][1] / rates[False][1]))
            hold(False)
            page.context.close()
            end()
    return found


def hold(still: bool) -> None:
    """Suspends all processes of the browser, or resumes them."""
    for pid in _below(os.getpid()):
        with suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().startswith("chrom"):
                os.kill(pid, signal.SIGSTOP if still else signal.SIGCONT)


def paired_table(found: list[tuple[float, float]]) -> str:
    lines = ["| one viewer beside none | mean | standard error | median |", "|---|---|---|---|"]
    for name, ratios in zip(("by wall", "per CPU second"), zip(*found, strict=True), strict=True):
        error = statistics.stdev(ratios) / len(ratios) ** 0.5
        lines.append(f"| {name} | {statistics.fmean(ratios):.3f} | {error:.3f} | {statistics.median(ratios):.3f} |")
    return "\n".join(lines)


def begin(
    browser: Any, url: str, home: Path, store: Store, from_script: bool, server: int
) -> tuple[str, int, Callable[[], Any]]:
    """A long run: its uid, the process that trains it, and the function that ends it."""
    if not from_script:
        uid = begun(browser, url)
        return uid, server, lambda: stopped(browser, f"{url}/?run={uid}")
    before = {line.uid for line in store.lines()}
    environment = {**os.environ, "FITDASH_HOME": str(home), "PYTHONPATH": os.getcwd()}
    script = subprocess.Popen([sys.executable, "-c", SCRIPT], env=environment, stdout=subprocess.DEVNULL)
    (uid,) = awaited(lambda: {line.uid for line in store.lines()} - before)

    def end() -> None:
        script.kill()
        script.wait()

    return uid, script.pid, end


def served(home: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A dashboard server of this benchmark's own and its address, once it answers."""
    log = home / "server.log"
    call = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port=0", "--server.headless=true"]
    environment = {**os.environ, "FITDASH_HOME": str(home), "PYTHONUNBUFFERED": "1", "PYTHONPATH": os.getcwd()}
    with log.open("wb") as out:
        server = subprocess.Popen(call, env=environment, stdout=out, stderr=out)
    url = awaited(lambda: re.search(r"http://127\.0\.0\.1:\d+", log.read_text()))[0]
    awaited(lambda: _answers(url))
    return server, url


def begun(browser: Any, url: str) -> str:
    """The uid of a long run, started with the Fit button as a visitor does."""
    page = browser.new_context().new_page()
    page.set_default_timeout(1000 * MOST_SECONDS)
    page.goto(f"{url}/?fit.epochs=10000")
    page.wait_for_function("document.querySelector('.st-key-plan')?.textContent.replace(/\\D/g, '').includes('10000')")
    page.get_by_role("button", name="Fit", exact=True).click()
    page.wait_for_url(re.compile("run="))
    page.context.close()
    return re.search(r"run=(\w+)", page.url)[1]  # type: ignore[index]


def stopped(browser: Any, url: str) -> None:
    """Presses Stop run; the next round starts a new long run."""
    page = opened(browser, url)
    page.get_by_role("button", name="Stop run", exact=True).click()
    page.locator(".st-key-state").get_by_text("stopped").wait_for()
    page.context.close()


def launched(playwright: Any) -> Any:
    """A Chromium: the installed one if there is one, else Playwright's own."""
    named = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return playwright.chromium.launch(executable_path=named, args=["--no-sandbox", "--disable-gpu"])


def opened(browser: Any, url: str) -> Any:
    """The page of a new viewer, once its chart is drawn."""
    page = browser.new_context().new_page()
    page.set_default_timeout(1000 * MOST_SECONDS)
    page.goto(url)
    page.locator(f"{CHART}[data-ready='1']").first.wait_for()
    return page


def speed(store: Store, uid: str, pid: int, seconds: float) -> tuple[float, float]:
    """Epochs per second, and per CPU second of the server and its processes."""
    since, cpu = awaited(lambda: store.epochs(uid))[-1], _cpu_seconds(pid)
    time.sleep(seconds)
    until, used = store.epochs(uid, since=since.seq)[-1:], _cpu_seconds(pid) - cpu
    if not until:
        raise RuntimeError("the run ended, or trains less than one epoch in the time of a measurement")
    epochs = until[0].epoch - since.epoch
    return epochs / (until[0].at - since.at), epochs / used


def delays(browser: Any, url: str, store: Store, uid: str, seconds: float) -> list[float]:
    """Milliseconds from the end of an epoch to the redraw of the chart whose last point it is."""
    page = opened(browser, url)
    page.evaluate(NOTE_POINTS, CHART)
    page.wait_for_timeout(1000 * seconds)
    seen = page.evaluate("() => window.seen")
    page.context.close()
    ended = {row.epoch + 1: row.at for row in store.epochs(uid)}
    return [when - 1000 * ended[shown] for shown, when in seen if shown in ended]


def watched_table(found: dict[int, list[tuple[float, float]]]) -> str:
    lines = ["| viewers | epochs per second | beside none | per CPU second | beside none |", "|---|---|---|---|---|"]
    for viewers, rows in found.items():
        cells = []
        for column in (0, 1):
            ratios = [row[column] / base[column] for row, base in zip(rows, found[0], strict=True)]
            cells += [f"{statistics.median(row[column] for row in rows):.1f}", f"{statistics.median(ratios):.2f}"]
        lines.append(f"| {viewers} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def delay_table(times: list[float]) -> str:
    cells = [f"{time:.0f}" for time in (statistics.median(times), min(times), max(times))]
    return f"| redrawings | ms, median | least | most |\n|---|---|---|---|\n| {len(times)} | {' | '.join(cells)} |"


def awaited(condition: Any) -> Any:
    """The value of a condition as soon as it is true."""
    end = time.monotonic() + MOST_SECONDS
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)
    return found


def _answers(url: str) -> bool:
    try:
        return bool(urlopen(f"{url}/_stcore/health", timeout=1).read() == b"ok")
    except OSError:
        return False


def _cpu_seconds(pid: int) -> float:
    """CPU seconds of a process and its descendants, as Linux counts them."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return own + sum(map(_cpu_seconds, _children(pid)))


def _below(pid: int) -> list[int]:
    """All descendants of a process."""
    return [one for child in _children(pid) for one in (child, *_below(child))]


def _children(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    threads = Path(f"/proc/{pid}/task").iterdir() if children.exists() else []
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


if __name__ == "__main__":
    main()
