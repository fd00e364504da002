"""`fitdash runs` on the command line."""

import json
import os
import subprocess
import sys
from datetime import datetime

import pytest
from click.testing import CliRunner

from fitdash.cli.commands import main
from fitdash.data.tables.upload import save_upload
from fitdash.runs.protocol.events import Began, Changed, Created, EpochEnded, Told
from fitdash.runs.record import process_lock
from fitdash.runs.record.history import history_of
from fitdash.runs.record.store import Store


def created(uid, **facts):
    return Created(**{"uid": uid, "name": f"run {uid}", "experiment": {"seed": 3}, "writer": "w", "at": 10.0, **facts})


@pytest.fixture
def store(home):
    """Three runs that ended and, newest, one that trains."""
    with Store() as store:
        for uid in ("aa11", "aa22", "bb33"):
            epochs = [
                EpochEnded(uid=uid, epoch=0, logs={"loss": 0.5, "val_loss": float("nan")}, seconds=0.25),
                EpochEnded(uid=uid, epoch=1, logs={"loss": 0.1 + 0.2, "val_loss": 2.0}, seconds=0.25),
            ]
            told = Told(uid=uid, facts={"epoch": 1, "kind": "nan"})
            end = Changed(uid=uid, state="finished", at=75.0)
            start = Changed(uid=uid, state="running", at=12.0)
            store.write([created(uid), start, Began(uid=uid, params={"epochs": 5}), *epochs, told, end])
        error = Changed(
            uid="bb33", state="failed", error="ValueError: no", traceback="Traceback\nValueError: no", at=75.0
        )
        store.write([error])
        lock = process_lock.acquire(store.lock_path("living"))
        store.write([created("live", writer="living", state="running")])
        yield store
        process_lock.release(lock)


def call(*words):
    result = CliRunner().invoke(main, ["runs", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def told(*words):
    """The lines that it prints, one space between words."""
    result = call(*words)
    assert (result.exit_code, result.stderr) == (0, "")
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def given(*words):
    """What it prints as JSON."""
    result = call(*words, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def refused(*words):
    """What it says on refusing."""
    result = call(*words)
    assert (result.exit_code, result.stdout) == (1, "")
    return result.stderr


@pytest.mark.parametrize("words", [[], ["list"]])
def test_runs_are_listed_the_newest_first(store, words):
    head, live, failed, *finished = (line.split() for line in told(*words))

    assert head == ["run", "state", "epochs", "loss", "val_loss", "created", "took", "name"]
    assert live[:3] == ["live", "running", "0"]
    assert failed[:5] == ["bb33", "failed", "2", "0.3", "2"]
    assert [line[0] for line in finished] == ["aa22", "aa11"]
    assert finished[0][-3:] == ["1:03", "run", "aa22"]


@pytest.mark.parametrize("words", [[], ["list"]])
def test_the_list_as_json_has_all_runs_and_their_values(store, words):
    runs = given(*words)

    assert [run["uid"] for run in runs] == ["live", "bb33", "aa22", "aa11"]
    assert runs[1]["error"] == "ValueError: no"
    assert datetime.fromisoformat(runs[1]["ended"]).timestamp() == 75.0
    assert runs[1]["summary"]["logs"]["val_loss"] == {
        "last": 2.0,
        "min": 2.0,
        "min_epoch": 1,
        "max": 2.0,
        "max_epoch": 1,
    }


def test_the_list_can_be_cut_and_says_so(store):
    assert told("-n", "1")[2:] == ["… and 3 older: --all shows them."]
    assert [run["uid"] for run in given("--limit", "2")] == ["live", "bb33"]


def test_a_long_list_shows_twenty_unless_asked_for_all(store):
    for n in range(30):
        store.write([created(f"c{n:02}", writer="living")])

    assert len(told()) == 1 + 20 + 1
    assert len(told("--all")) == 1 + 34
    assert len(given()) == 34


def test_the_list_can_be_of_one_state(store):
    assert [run["uid"] for run in given("--state", "failed", "--state", "running")] == ["live", "bb33"]
    assert told("--state", "queued") == ["No run is in this state."]


def test_an_empty_record_says_what_to_do(home):
    assert told() == ["No run is recorded yet. `fitdash` opens the dashboard to train one."]
    assert given() == []


def test_uids_are_shown_as_far_as_they_differ(store):
    store.write([created("0123456789abc"), created("0123456789abd")])

    assert [line.split()[0] for line in told("-n", "2")[1:3]] == ["0123456789abd", "0123456789abc"]


def test_a_run_is_shown_with_its_values_and_its_recipe(store):
    text = call("show", "aa11").stdout

    assert "run      aa11\nname     run aa11\nstate    finished\n" in text
    assert "epochs   2 of 5\n" in text
    assert "loss       0.3     0.3         2      0.5         1\n" in text
    assert '"seed": 3' in text


def test_a_failed_run_shows_its_traceback(store):
    assert call("show", "bb33").stdout.endswith("Traceback\nValueError: no\n")


def test_a_run_as_json_has_everything_but_its_epochs(store):
    run = given("show", "bb33")

    assert (run["uid"], run["state"], run["experiment"], run["params"]) == (
        "bb33",
        "failed",
        {"seed": 3},
        {"epochs": 5},
    )
    assert run["events"] == [{"epoch": 1, "kind": "nan"}]
    assert run["traceback"] == "Traceback\nValueError: no"


@pytest.mark.parametrize(("words", "form"), [([], "csv"), (["--format", "json"], "json"), (["--json"], "json")])
def test_19_6_19_7_an_exported_run_is_the_historys_own_text(store, words, form):
    history = history_of(store, "aa11")

    printed = call("export", "aa11", *words).stdout_bytes.decode()

    assert printed == (history.to_csv() if form == "csv" else history.to_json() + "\n")


@pytest.mark.parametrize(
    ("name", "words", "form"),
    [("a.csv", [], "csv"), ("a.json", [], "json"), ("a.txt", [], "csv"), ("a.csv", ["--format", "json"], "json")],
)
def test_a_run_is_exported_into_a_file_by_its_ending(store, tmp_path, name, words, form):
    history = history_of(store, "aa11")

    assert told("export", "aa11", "--output", str(tmp_path / name), *words) == []

    assert (tmp_path / name).read_text() == (history.to_csv() if form == "csv" else history.to_json())


def test_two_formats_at_once_are_refused(store):
    result = call("export", "aa11", "--json", "--format", "csv")

    assert result.exit_code == 2
    assert "--json must not be combined with --format csv. Leave one of them out." in result.stderr


def test_an_export_that_cannot_be_written_names_the_file(store, tmp_path):
    (tmp_path / "taken").write_text("no folder")

    assert "taken" in refused("export", "aa11", "--output", str(tmp_path / "taken" / "a.csv"))


def test_the_beginning_of_a_uid_is_enough_where_only_one_run_has_it(store):
    assert given("show", "b")["uid"] == "bb33"


def test_a_whole_uid_is_taken_also_where_others_begin_with_it(store):
    store.write([created("aa1100")])

    assert given("show", "aa11")["uid"] == "aa11"


@pytest.mark.parametrize(
    ("uid", "words"),
    [
        ("zz", "UID must begin a run's uid, got 'zz'. `fitdash runs` lists them."),
        ("", "UID must begin a run's uid, got ''. `fitdash runs` lists them."),
        ("%", "UID must begin a run's uid, got '%'. `fitdash runs` lists them."),
        ("a", "UID must begin one run's uid, got 'a', which 2 begin with: aa22, aa11."),
    ],
)
@pytest.mark.parametrize("command", ["show", "export", "delete"])
def test_a_uid_that_names_no_run_or_several_is_refused(store, command, uid, words):
    assert refused(command, uid) == f"Error: {words}\n"


def test_deleting_hides_runs_and_undoing_brings_them_back(store):
    assert told("delete", "aa11", "bb")[0] == "Deleted 2 runs: aa11, bb33."
    assert [run["uid"] for run in given()] == ["live", "aa22"]
    assert "got 'aa11', which is deleted. `fitdash runs undo` brings back" in refused("show", "aa11")
    assert sorted(run["uid"] for run in given("list", "--deleted")) == ["aa11", "bb33"]

    assert told("undo") == ["Restored 2 runs: aa11, bb33."]

    assert [run["uid"] for run in given()] == ["live", "bb33", "aa22", "aa11"]
    assert "none is" in refused("undo")
    assert told("list", "--deleted") == ["No run is deleted."]


def test_deleting_undoing_and_purging_tell_the_uids_as_json(store):
    assert given("delete", "aa11", "aa11") == {"deleted": ["aa11"]}
    assert given("undo") == {"restored": ["aa11"]}
    assert given("delete", "bb") == {"deleted": ["bb33"]}
    assert given("purge") == {"purged": ["bb33"], "sweeps": [], "uploads": [], "upload_bytes": 0}
    assert given("purge") == {"purged": [], "sweeps": [], "uploads": [], "upload_bytes": 0}


def test_nothing_is_deleted_where_one_cannot_be_and_all_reasons_are_told(store):
    text = refused("delete", "aa11", "zz", "a")

    assert "'zz'" in text
    assert "'a'" in text
    assert refused("delete", "aa11", "live") == (
        "Error: A run must have ended to be deleted, got live, which is running. Stop it first.\n"
    )
    assert len(given()) == 4


def test_purged_runs_do_not_come_back(store):
    told("delete", "aa11")

    assert told("purge", "--yes") == ["Purged 1 run: aa11."]

    assert "Purged runs are gone." in refused("undo")


def test_purging_asks_at_a_terminal(store, monkeypatch):
    told("delete", "aa11")
    monkeypatch.setattr("fitdash.cli.runs._is_interactive", lambda: True)

    result = CliRunner().invoke(main, ["runs", "purge"], input="n\n")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Remove 1 run for good?" in result.stderr
    assert given("undo") == {"restored": ["aa11"]}


def test_purging_removes_uploads_that_nothing_uses(store, home):
    uploads = home / "uploads"
    used, loose = (save_upload(f"a,b\n{number},1\n2,3\n".encode(), uploads) for number in range(2))
    store.write([created("up", experiment={"data": {"content": used}}), Changed(uid="up", state="finished")])
    for content in (used, loose):
        os.utime(uploads / content, (0, 0))
    store.delete(["up"])

    assert given("purge", "--days", "30000") == {"purged": ["up"], "sweeps": [], "uploads": [], "upload_bytes": 0}
    assert given("purge")["uploads"] == sorted([used, loose])
    assert list(uploads.iterdir()) == []


def test_purging_tells_of_uploads_and_asks_first(store, home, monkeypatch):
    content = save_upload(b"a,b\n1,1\n2,3\n", home / "uploads")
    os.utime(home / "uploads" / content, (0, 0))
    monkeypatch.setattr("fitdash.cli.runs._is_interactive", lambda: True)

    result = CliRunner().invoke(main, ["runs", "purge"], input="n\n")

    assert (result.exit_code, "Remove uploads that no run uses for good?" in result.stderr) == (1, True)
    assert told("purge", "--yes") == ["Purged 0 runs.", "Removed 1 upload, 0.0 MB."]


def test_a_backup_holds_every_run(store, tmp_path):
    told("backup", str(tmp_path / "copy.db"))

    with Store(tmp_path / "copy.db") as copy:
        assert [run.uid for run in copy.runs()] == ["live", "bb33", "aa22", "aa11"]
    assert "Name another one, or overwrite it with --force." in refused("backup", str(tmp_path / "copy.db"))
    answer = given("backup", "--force", str(tmp_path / "copy.db"))
    assert answer == {"file": str(tmp_path / "copy.db"), "bytes": (tmp_path / "copy.db").stat().st_size}


def test_runs_of_a_process_that_died_are_listed_as_interrupted(store):
    store.write([created("dd44", writer="dead", state="running")])

    assert given("show", "dd44")["state"] == "interrupted"
    assert given("delete", "dd44") == {"deleted": ["dd44"]}


def test_a_file_that_is_no_store_is_told_in_words(home):
    home.mkdir()
    (home / "runs.db").write_text("a diary" * 1000)

    assert "runs.db must be a fitdash store that can be opened" in refused()


def test_an_unknown_command_names_the_one_that_may_be_meant(store):
    result = call("shwo")

    assert (result.exit_code, "Did you mean 'show'?" in result.stderr) == (2, True)


def test_neither_torch_nor_streamlit_is_imported(store, tmp_path):
    commands = [
        [],
        ["show", "aa11"],
        ["export", "aa11"],
        ["delete", "aa11"],
        ["undo"],
        ["backup", str(tmp_path / "b.db")],
    ]
    code = (
        "import json, sys\nfrom fitdash.cli.commands import main\n"
        "for words in json.loads(sys.argv[1]):\n    main(['runs', *words], standalone_mode=False)\n"
        "print(sorted({'torch', 'streamlit', 'plotly'} & set(sys.modules)), file=sys.stderr)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)], capture_output=True, text=True, check=True, env=os.environ
    )

    assert done.stderr == "[]\n"


def test_help_reads_no_library_of_numbers():
    code = (
        "import sys\nfrom fitdash.cli.commands import main\nmain(['--help'], standalone_mode=False)\n"
        "print(sorted({'numpy', 'pandas', 'torch', 'streamlit', 'plotly'} & set(sys.modules)), file=sys.stderr)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr == "[]\n"


@pytest.fixture
def later(monkeypatch):
    """Three days after the runs of the store ended."""
    monkeypatch.setattr("fitdash.cli.runs.time.time", lambda: 75.0 + 3 * 86_400)


@pytest.mark.usefixtures("later")
def test_clean_deletes_what_ended_long_ago_and_undo_brings_it_back(store):
    files = store.path.parent / "runs" / "aa11"
    files.mkdir(parents=True)
    (files / "log.csv").write_bytes(b"x" * 2_500_000)

    assert told("clean") == ["Deleted 0 runs; their files take 0.0 MB."]
    assert told("clean", "--days", "2", "--dry-run") == ["Would delete 3 runs; their files take 2.5 MB."]
    assert len(store.lines()) == 4
    assert told("clean", "--days", "2", "--keep", "1")[0] == "Deleted 2 runs; their files take 2.5 MB."
    assert [line.uid for line in store.lines()] == ["live", "bb33"]
    told("undo")
    assert len(store.lines()) == 4
    assert given("clean", "--days", "2", "--json") == {"deleted": ["bb33", "aa22", "aa11"], "bytes": 2_500_000}
