"""How long readings of the record take: a run of 10,000 epochs and a list of 2,000 runs.

    python benchmarks/store.py [--rounds 21]

Every round takes each reading once, one after the other, so that other load on the machine affects all alike. The
table gives median, shortest and longest in milliseconds; "anew" is a process's first reading, with empty caches.
"""

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fitdash.runs.protocol.events import Changed, Created, EpochEnded, Event
from fitdash.runs.record import epoch_blocks, records
from fitdash.runs.record.store import Store
from fitdash.settings.experiment import Experiment

EPOCHS, RUNS, EPOCHS_EACH = 10_000, 2_000, 20
NAMES = ("loss", "accuracy", "val_loss", "val_accuracy")
TARGET_MS = 20.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "runs.db") as store:
        fill(store)
        taken: dict[str, list[float]] = {name: [] for name in readings(store)}
        for _ in range(rounds):
            for name, reading in readings(store).items():
                taken[name].append(milliseconds(reading))
        load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
        size = store.path.stat().st_size / 1e6
    print(f"{EPOCHS:,} epochs in one run, {RUNS:,} runs, {size:.0f} MB; {rounds} rounds{load}\n")
    print(f"{'reading':<44}{'median':>9}{'shortest':>10}{'longest':>9}   under {TARGET_MS:g} ms")
    for name, times in taken.items():
        median = statistics.median(times)
        verdict = "yes" if median < TARGET_MS else "no"
        print(f"{name:<44}{median:9.2f}{min(times):10.2f}{max(times):9.2f}   {verdict}")


def readings(store: Store) -> dict[str, Callable[[], object]]:
    """The readings that are measured, by name."""
    newest = store.epochs("long")[-1].seq
    return {
        "epochs: row by row, one decode for each": lambda: row_by_row(store),
        "epochs: anew": lambda: (epoch_blocks.unpack_block.cache_clear(), store.epochs("long")),
        "epochs: again": lambda: store.epochs("long"),
        "epochs: the last 10": lambda: store.epochs("long", since=newest - 10),
        "epochs: nothing new": lambda: store.epochs("long", since=newest),
        "one run": lambda: store.run("long"),
        "list: whole records": lambda: store.runs(),
        "list: lines": lambda: store.lines(),
        "list: lines, 20": lambda: store.lines(limit=20),
        "list: lines and values, anew": lambda: (records._summary.cache_clear(), values(store)),
        "list: lines and values, again": lambda: values(store),
        "whether anything was written": lambda: store.revision(),
    }


def row_by_row(store: Store) -> list[object]:
    """Epochs read with one JSON decode per row, for comparison."""
    rows = store.read_rows(
        "SELECT epochs.seq, epoch, at, seconds, logs FROM epochs JOIN runs ON runs.id = run"
        " WHERE uid = ? ORDER BY epoch",
        ["long"],
    )
    return [records.EpochRow(*row[:4], json.loads(row[4])) for row in rows]


def values(store: Store) -> list[object]:
    return [line.summary for line in store.lines()]


def fill(store: Store) -> None:
    """Writes one long run and many short ones, of an experiment as the Train page makes it."""
    recipe = Experiment().to_dict()
    for number in range(RUNS - 1):
        store.write(run(f"run{number}", EPOCHS_EACH, recipe))
    store.write(run("long", EPOCHS, recipe))


def run(uid: str, epochs: int, recipe: dict[str, object]) -> list[Event]:
    return [
        Created(uid=uid, name=uid, experiment=recipe, writer="benchmark"),
        *(
            EpochEnded(uid=uid, epoch=epoch, logs={name: random.random() for name in NAMES}, seconds=random.random())
            for epoch in range(epochs)
        ),
        Changed(uid=uid, state="finished"),
    ]


def milliseconds(reading: Callable[[], object]) -> float:
    begin = time.perf_counter()
    reading()
    return 1000 * (time.perf_counter() - begin)


if __name__ == "__main__":
    main()
