"""How long imports, commands, the first epoch and the server take to start: python -m benchmarks.start --help.

Every call is a process of its own, in shuffled order within each round; the table shows the median and the fastest. CPU
seconds count the process and its children. The server is timed from its start until its health endpoint answers.
"""

import argparse
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

BARE = """
import torch
from benchmarks.contenders import bare
from benchmarks.workloads import WORKLOADS
torch.set_num_threads(1)
work = next(iter(WORKLOADS.values()))
bare(work, *work.data(work.rows), 1)
"""
FITDASH = """
import torch
from torch import nn
import fitdash as fd
from benchmarks.workloads import WORKLOADS
torch.set_num_threads(1)
work = next(iter(WORKLOADS.values()))
model = fd.Model(work.network()).compile("adam", nn.CrossEntropyLoss(), metrics=["accuracy"])
model.fit(*work.data(work.rows), batch_size=work.batch, epochs=1, validation_split=0.2, verbose=0)
heavy = {"torch._dynamo", "sympy", "pandas", "plotly", "streamlit"} & set(__import__("sys").modules)
assert not heavy, heavy
"""
COMMANDS = {
    "python, nothing else": ["-c", ""],
    "import torch": ["-c", "import torch"],
    "import fitdash": ["-c", "import fitdash"],
    "fitdash --version": ["-m", "fitdash", "--version"],
    "fitdash runs": ["-m", "fitdash", "runs"],
    "bare loop, one epoch of W1": ["-c", BARE],
    "fitdash, one epoch of W1": ["-c", FITDASH],
}
SERVER = "dashboard until it answers"
MOST_SECONDS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-server", action="store_true")
    arguments = parser.parse_args()
    names = [*COMMANDS, *([] if arguments.without_server else [SERVER])]
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as home:
        for turn in range(arguments.rounds + 1):
            for name in random.sample(names, len(names)):
                found = served(home) if name == SERVER else timed(COMMANDS[name], home)
                if turn:  # the first round fills the caches
                    taken[name].append(found)
    print("| | seconds, median | fastest | CPU seconds, median | fastest |\n|---|---|---|---|---|")
    for name, times in taken.items():
        walls, cpus = zip(*times, strict=True)
        cells = [statistics.median(walls), min(walls), statistics.median(cpus), min(cpus)]
        print(f"| {name} | {' | '.join(f'{cell:.2f}' for cell in cells)} |")


def timed(arguments: list[str], home: str) -> tuple[float, float]:
    """Wall and CPU seconds of one call of Python."""
    began, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, *arguments], env=_environment(home), check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - began, cpu


def served(home: str) -> tuple[float, float]:
    """Wall and CPU seconds until the dashboard answers; the wall seconds exclude its shutdown."""
    began, before, port = time.perf_counter(), os.times(), _free_port()
    call = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true", f"--server.port={port}"]
    with subprocess.Popen(call, env=_environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(f"http://127.0.0.1:{port}/_stcore/health")
            wall = time.perf_counter() - began
        finally:
            server.terminate()
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu


def _wait_for(address: str) -> None:
    end = time.monotonic() + MOST_SECONDS
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=1) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise TimeoutError(address)


def _environment(home: str) -> dict[str, str]:
    return {**os.environ, "FITDASH_HOME": home, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


if __name__ == "__main__":
    main()
