"""How long `fit` takes compared with other ways to train the same network: python -m benchmarks.fit --help.

Rounds are interleaved: in each one every contender trains once, in a shuffled order, and is compared with the bare loop
of the same round. The table shows the median of these ratios and their middle half.
"""

import argparse
import importlib.metadata
import platform
import random
import statistics
import time
from collections import defaultdict

import torch

from benchmarks import keras_jax
from benchmarks.contenders import CONTENDERS, NEEDS, NoSuchNetwork, is_here
from benchmarks.keras_jax import Timed
from benchmarks.workloads import WORKLOADS, Workload


def main() -> None:
    arguments = parsed()
    torch.set_num_threads(1)
    print(machine())
    absent = [name for name in CONTENDERS if not is_here(name)]
    print(f"not installed: {', '.join(absent) or 'none'}\n")
    if keras_jax.is_here() and not {name for name in CONTENDERS if name.startswith("keras-jax")} <= {
        *arguments.without
    }:
        print(f"keras-jax: {keras_jax.versions()}, in a process of its own\n")
    for name, work in WORKLOADS.items():
        if not arguments.only or any(part in name for part in arguments.only):
            print(f"### {name}: {work.rows} rows, batches of {work.batch}, {arguments.epochs} epochs\n")
            print(table(measured(work, arguments.epochs, arguments.rounds, arguments.without)), flush=True)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], help="workloads whose names contain one of these")
    parser.add_argument("--without", nargs="*", default=[], help="contenders to leave out")
    return parser.parse_args()


def measured(work: Workload, epochs: int, rounds: int, without: list[str]) -> dict[str, list[Timed]]:
    """Wall seconds, CPU seconds and accuracy of each contender, round by round; the first round only warms up."""
    torch.manual_seed(0)
    x, y = work.data(work.rows)
    names = [name for name in CONTENDERS if is_here(name) and name not in without]
    found: dict[str, list[Timed]] = defaultdict(list)
    for turn in range(rounds + 1):
        for name in random.sample(names, len(names)):
            torch.manual_seed(turn)
            wall, cpu = time.perf_counter(), time.process_time()
            try:
                said = CONTENDERS[name](work, x, y, epochs)
            except NoSuchNetwork:
                continue
            if not isinstance(said, Timed):
                said = Timed(time.perf_counter() - wall, time.process_time() - cpu, said)
            if turn:
                found[name].append(said)
    return found


def table(found: dict[str, list[Timed]]) -> str:
    """Ratios to the bare loop, in Markdown."""
    lines = ["| | x bare (wall) | middle half | x bare (CPU) | seconds | accuracy |", "|---|---|---|---|---|---|"]
    for name in CONTENDERS:
        if name in found:
            walls, cpus = ratios(found, name, 0), ratios(found, name, 1)
            low, _, high = statistics.quantiles(walls, n=4) if len(walls) > 1 else (walls[0],) * 3
            seconds = statistics.median(row[0] for row in found[name])
            accuracy = statistics.median(row[2] for row in found[name])
            lines.append(
                f"| {name} | {statistics.median(walls):.2f} | {low:.2f} to {high:.2f} | {statistics.median(cpus):.2f} "
                f"| {seconds:.3f} | {accuracy:.3f} |"
            )
    return "\n".join([*lines, ""])


def ratios(found: dict[str, list[Timed]], name: str, column: int) -> list[float]:
    """Time of the bare loop divided by that of a contender, round by round: above 1 is faster than bare."""
    return [base[column] / row[column] for base, row in zip(found["bare"], found[name], strict=True)]


def machine() -> str:
    """Versions and machine of the measurement, in one line."""
    packages = ["torch", *sorted(set(NEEDS.values()))]
    known = {"sklearn": "scikit-learn"}
    versions = []
    for package in packages:
        try:
            versions.append(f"{package} {importlib.metadata.version(known.get(package, package))}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return f"Python {platform.python_version()}, {', '.join(versions)}; {platform.machine()}, 1 thread"


if __name__ == "__main__":
    main()
