"""Several processes write to one store at once, and others read it."""

import json
import subprocess
import sys

import pytest

from fitdash.runs.protocol.events import BatchEnded, Changed, Created, EpochEnded, Printed
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer

EPOCHS = 400

# Opens the store when told to, so that all do it at the same moment, and notes everything that went wrong.
SCRIPT = """
import json, sys
from fitdash.runs.protocol.events import BatchEnded, Changed, Created, EpochEnded, Printed
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer

class Noting(Store):
    problems = []
    def write(self, events):
        try:
            super().write(events)
        except Exception as error:
            self.problems.append(str(error))
            raise

uid, epochs = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
store = Noting()
writer = Writer(store)
writer.put(Created(uid=uid, name=uid, experiment={}, writer=writer.uid, state="running"))
for epoch in range(epochs):
    writer.put(BatchEnded(uid=uid, epoch=epoch, step=1, steps=2, logs={"loss": float(epoch)}))
    writer.put(EpochEnded(uid=uid, epoch=epoch, logs={"loss": float(epoch)}, seconds=0.1))
    writer.put(Printed(uid=uid, text=f"line {epoch}"))
    if epoch % 10 == 9:
        assert writer.flush(60)
writer.put(Changed(uid=uid, state="finished"))
writer.close(60)
print(json.dumps(store.problems), flush=True)
"""

READER = """
import json, sys
from fitdash.runs.record.store import Store

print("ready", flush=True)
sys.stdin.readline()
problems, reads, seen = [], 0, {}
with Store() as store:
    while len([run for run in store.runs() if run.state == "finished"]) < int(sys.argv[1]):
        reads += 1
        for run in store.lines():
            try:
                epochs = [row.epoch for row in store.epochs(run.uid)]
                if epochs != list(range(len(epochs))) or len(epochs) < seen.get(run.uid, 0):
                    problems.append(f"{run.uid} has a hole or lost an epoch")
                if epochs and store.latest(run.uid, "batch").data["epoch"] < epochs[-1]:
                    problems.append(f"{run.uid} lost a batch")
                seen[run.uid] = len(epochs)
            except Exception as error:
                problems.append(str(error))
print(json.dumps({"problems": problems, "reads": reads}), flush=True)
"""


@pytest.fixture
def start():
    """Starts a program that waits for a line before it does anything."""
    processes = []

    def started(code, *words):
        processes.append(
            subprocess.Popen([sys.executable, "-c", code, *words], stdin=-1, stdout=-1, stderr=-1, text=True)
        )
        assert processes[-1].stdout.readline() == "ready\n"
        return processes[-1]

    yield started
    for process in processes:
        process.kill()
        process.communicate()


def test_two_scripts_and_a_dashboard_write_at_once_and_nothing_is_lost(home, start):
    scripts = [start(SCRIPT, uid, str(EPOCHS)) for uid in ("first", "second")]
    reader = start(READER, "3")
    for process in [*scripts, reader]:
        process.stdin.write("go\n")
        process.stdin.flush()

    with Store() as store:
        writer = Writer(store)
        put_all(writer, "dashboard")
        answers = [process.communicate(timeout=120) for process in [*scripts, reader]]
        writer.close(60)

    assert [json.loads(out) for out, _ in answers[:2]] == [[], []]
    assert [error for _, error in answers] == ["", "", ""]
    read = json.loads(answers[2][0])
    assert read["problems"] == []
    assert read["reads"] > 0
    with Store() as store:
        for uid in ("first", "second", "dashboard"):
            expected = list(range(EPOCHS))
            assert [row.epoch for row in store.epochs(uid)] == expected
            assert [row.data["epoch"] for row in store.events(uid, "batch")] == expected
            assert store.texts(uid) == [f"line {epoch}" for epoch in expected]
            assert store.run(uid).state == "finished"
            assert store.run(uid).summary["epochs"] == EPOCHS
        assert store.read_rows("PRAGMA integrity_check") == [("ok",)]
        assert store.reap() == []


def put_all(writer, uid):
    """The same as the script, in this process."""
    writer.put(Created(uid=uid, name=uid, experiment={}, writer=writer.uid, state="running"))
    for epoch in range(EPOCHS):
        writer.put(BatchEnded(uid=uid, epoch=epoch, step=1, steps=2, logs={"loss": float(epoch)}))
        writer.put(EpochEnded(uid=uid, epoch=epoch, logs={"loss": float(epoch)}, seconds=0.1))
        writer.put(Printed(uid=uid, text=f"line {epoch}"))
        if epoch % 10 == 9:
            assert writer.flush(60)
            assert writer.trouble is None
    writer.put(Changed(uid=uid, state="finished"))
