"""Warnings of a training thread."""

import io
import threading
import warnings

import pytest

from fitdash.runs.callbacks.warning_log import redirect_warnings


@pytest.fixture
def elsewhere(monkeypatch):
    """What is shown in Python's own way."""
    shown = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *rest: shown.append(str(message)))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", lambda message, *rest: shown.append(str(message)))
        yield shown


def test_a_warning_is_printed_in_the_log_of_its_run_once(elsewhere):
    console = io.StringIO()

    with redirect_warnings(console):
        warnings.warn("EarlyStopping watches nothing", stacklevel=1)
        warnings.warn("EarlyStopping watches nothing", stacklevel=1)

    assert console.getvalue() == "Warning: EarlyStopping watches nothing\n"
    assert elsewhere == []


def test_warnings_of_other_threads_and_of_later_go_where_they_went(elsewhere):
    console = io.StringIO()

    with redirect_warnings(console):
        other = threading.Thread(target=warnings.warn, args=["of another thread"])
        other.start()
        other.join()
    warnings.warn("of later", stacklevel=1)

    assert console.getvalue() == ""
    assert elsewhere == ["of another thread", "of later"]
