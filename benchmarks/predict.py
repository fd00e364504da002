"""How long `predict` and `evaluate` take compared with hand-written loops: python -m benchmarks.predict --help.

The loop has the best batch size, which its author would have to find: here the one with the least median of a few
rounds. fitdash gets no batch size. Then both run in interleaved rounds, and the table shows the median of fitdash's
time divided by that of the loop, round by round: 1 is as fast, below 1 faster.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

import fitdash as fd
from benchmarks.fit import machine
from benchmarks.workloads import WORKLOADS, Workload

Tensor = torch.Tensor
SIZES = (64, 128, 256, 512, 1024, 2048)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", nargs="*", default=[], help="workloads whose names contain one of these")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    print("\n| | method | best bare batch | ms, median (CPU) | fitdash / bare (CPU) | middle half | by minima |")
    print("|---|---|---|---|---|---|---|")
    for name, work in WORKLOADS.items():
        if not arguments.only or any(part in name for part in arguments.only):
            for method, contenders in contenders_of(work).items():
                best = best_of({size: bare for size, bare in contenders.items() if size != "fitdash"})
                both = {"fitdash": contenders["fitdash"], best: contenders[best]}
                print(f"| {name} | {method} | {best} | {row(*measured(both, arguments.rounds).values())} |", flush=True)


def contenders_of(work: Workload) -> dict[str, dict[str, Callable[[], Any]]]:
    """By method: fitdash, and the loop with each batch size."""
    torch.manual_seed(0)
    x, y = work.data(work.rows)
    module = work.network()
    model = fd.Model(module).compile("adam", nn.CrossEntropyLoss(), metrics=["accuracy"])
    sizes = [size for size in SIZES if size < 2 * work.rows]
    return {
        "predict": {
            "fitdash": lambda: model.predict(x),
            **{str(size): lambda size=size: bare_predict(module, x, size) for size in sizes},  # type: ignore[misc]
        },
        "evaluate": {
            "fitdash": lambda: model.evaluate(x, y, verbose=0),
            **{str(size): lambda size=size: bare_evaluate(module, x, y, size) for size in sizes},  # type: ignore[misc]
        },
    }


def bare_predict(module: nn.Module, x: Tensor, size: int) -> Any:
    """The outputs as one array."""
    module.eval()
    with torch.inference_mode():
        return torch.cat([module(part) for part in x.split(size)]).numpy()


def bare_evaluate(module: nn.Module, x: Tensor, y: Tensor, size: int) -> tuple[float, float]:
    """Loss and accuracy."""
    module.eval()
    total, hits = torch.zeros(()), torch.zeros((), dtype=torch.int64)
    with torch.inference_mode():
        for xb, yb in zip(x.split(size), y.split(size), strict=True):
            said = module(xb)
            total += F.cross_entropy(said, yb) * len(xb)
            hits += (said.argmax(1) == yb).sum()
    return float(total) / len(x), float(hits) / len(x)


def measured(contenders: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each, round by round; two rounds warm up."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 2):
        for name in random.sample(list(contenders), len(contenders)):
            began = time.process_time()
            contenders[name]()
            if turn > 1:
                found[name].append(time.process_time() - began)
    return found


def best_of(sizes: dict[str, Callable[[], Any]]) -> str:
    """The size of the fastest loop."""
    found = measured(sizes, 7)
    return min(found, key=lambda size: statistics.median(found[size]))


def row(ours: list[float], bare: list[float]) -> str:
    """Cells of the table."""
    ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    least = min(ours) / min(bare)
    return f"{statistics.median(ours) * 1e3:.2f} | {middle:.2f} | {low:.2f} to {high:.2f} | {least:.2f}"


if __name__ == "__main__":
    main()
