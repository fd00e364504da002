"""Time and memory of `fit` as rows and epochs grow: python -m benchmarks.scale --help.

Every cell is measured in a process of its own, which has a memory peak of its own. A fit of 20 epochs on at most 20
batches warms up; memory is the peak during the measured fit minus what the process used with the data loaded.
"""

import argparse
import json
import math
import subprocess
import sys

ROWS = (10**3, 10**4, 10**5, 10**6, 10**7)
EPOCHS = (10, 100, 1_000, 10_000)
FEATURES, BATCH = 20, 1024
SMALL_ROWS, SMALL_BATCH = 256, 64
WHO = ("bare", "fitdash")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", nargs=4, metavar=("WHO", "ROWS", "BATCH", "EPOCHS"), help="measure one cell")
    parser.add_argument("--rows", nargs="*", type=int, default=ROWS)
    parser.add_argument("--epochs", nargs="*", type=int, default=EPOCHS)
    arguments = parser.parse_args()
    if arguments.cell:
        who, *numbers = arguments.cell
        print(json.dumps(cell(who, *map(int, numbers))))
        return
    print(f"### rows: MLP {FEATURES}-64-64-2, batches of {BATCH}, a fifth validates, 2 epochs\n")
    print("| rows | who | ns per row and epoch (CPU) | peak of memory / data |\n|---|---|---|---|")
    for rows in arguments.rows:
        for who in WHO:
            found = measured(who, rows, BATCH, 2)
            share = found["peak_bytes"] / (rows * (FEATURES * 4 + 8))
            memory = f"{share:.2f}" if rows >= 10**6 else "–"
            print(f"| {rows:.0e} | {who} | {found['cpu'] / rows / 2 * 1e9:.0f} | {memory} |", flush=True)
    print(f"\n### epochs: {SMALL_ROWS} rows, batches of {SMALL_BATCH}\n")
    print("| epochs | who | ms per epoch (CPU) | peak of memory, MB |\n|---|---|---|---|")
    for epochs in arguments.epochs:
        for who in WHO:
            found = measured(who, SMALL_ROWS, SMALL_BATCH, epochs)
            megabytes = found["peak_bytes"] / 1e6
            print(f"| {epochs} | {who} | {found['cpu'] / epochs * 1e3:.2f} | {megabytes:.0f} |", flush=True)


def measured(who: str, rows: int, batch: int, epochs: int) -> dict[str, float]:
    """One cell, in a process of its own."""
    call = [sys.executable, "-m", "benchmarks.scale", "--cell", who, str(rows), str(batch), str(epochs)]
    return json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)


def cell(who: str, rows: int, batch: int, epochs: int) -> dict[str, float]:
    """CPU seconds of a fit, and the bytes by which it raised the peak of this process."""
    import time

    import torch

    from benchmarks.contenders import CONTENDERS
    from benchmarks.workloads import Workload, mlp, table

    torch.set_num_threads(1)
    torch.manual_seed(0)
    work = Workload(rows=rows, batch=batch, data=table(FEATURES, 2), network=mlp(FEATURES, 64, 64, 2))
    x, y = _data(rows)
    warm = min(rows, 4 * batch * math.ceil(rows / batch))
    CONTENDERS[who](work, x[: min(warm, 20 * batch)], y[: min(warm, 20 * batch)], 20)
    _forget_peak()
    before, began = _resident("VmRSS"), time.process_time()
    CONTENDERS[who](work, x, y, epochs)
    return {"cpu": time.process_time() - began, "peak_bytes": _resident("VmHWM") - before}


def _data(rows: int) -> tuple[object, object]:
    """Rows whose class is the sign of a sum of two features, made without a second copy of them."""
    import torch

    x = torch.randn(rows, FEATURES)
    return x, (x[:, 0] + x[:, 1] > 0).long()


def _forget_peak() -> None:
    """Resets the memory peak that Linux counts for this process."""
    try:
        with open("/proc/self/clear_refs", "w") as control:
            control.write("5")
    except OSError:
        print("the peak of memory counts from the start of the process", file=sys.stderr)


def _resident(kind: str) -> int:
    """Resident bytes now ("VmRSS") or at the peak ("VmHWM"); 0 where the system does not report them."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(kind))
    except (OSError, StopIteration):
        return 0


if __name__ == "__main__":
    main()
