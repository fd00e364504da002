import io
import os
import re

import pytest

from fitdash.engine.callbacks.base import Moment
from fitdash.engine.callbacks.callback_list import CallbackList
from fitdash.engine.callbacks.progbar_logger import ProgbarLogger
from fitdash.engine.callbacks.progress_text import bar_line, clock, epoch_line, number, step_time

LOGS = [{"loss": 0.51239, "accuracy": 0.0005, "val_loss": -0.25}, {"loss": 0.5, "accuracy": 1.0, "val_loss": 2.0}]
BAR = "━" * 20


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Model:
    def __init__(self, console):
        self.console = console


@pytest.fixture(autouse=True)
def _frozen_clock(monkeypatch):
    """A clock that ticks 0.1 s at each look, so that a redraw is always due."""
    ticks = iter(range(10**6))
    monkeypatch.setattr("fitdash.engine.callbacks.progbar_logger.time.perf_counter", lambda: next(ticks) / 10)


def fit(console, verbose, logs=LOGS, steps=4, bar=None, running=None):
    """Print a fit whose epochs log the given dicts."""
    told = CallbackList([bar or ProgbarLogger()], Model(console), _params(verbose, len(logs), steps))
    told.on_train_begin()
    for epoch, values in enumerate(logs):
        told.on_epoch_begin(epoch)
        for step in range(steps or 3):
            give = running or (lambda values=values: {"loss": values["loss"]})
            told.between_steps(Moment(epoch=epoch, first=step, last=step, steps=steps, logs=give))
        told.on_test_begin()
        told.on_test_end(values)
        told.on_epoch_end(epoch, values)
    told.on_train_end()
    return console.getvalue()


def _params(verbose, epochs, steps):
    return {"verbose": verbose, "epochs": epochs, "steps": steps}


def shown(text):
    """What remains on a screen: carriage returns and backspaces applied, colours removed, times made equal."""
    lines = []
    for line in re.sub(r"\x1b\[\d*m", "", text).split("\n"):
        row, column = [], 0
        for sign in line:
            if sign == "\r":
                column = 0
            elif sign == "\b":
                column = max(column - 1, 0)
            else:
                row[column : column + 1] = [sign]
                column += 1
        lines.append("".join(row).rstrip())
    return re.sub(r"\d+(s|ms|us)(?=/step| |$)", "0s", "\n".join(lines))


def test_17_2_verbose_0_prints_nothing():
    assert fit(io.StringIO(), 0, bar=ProgbarLogger()) == ""


def test_17_3_verbose_2_prints_one_line_per_epoch():
    assert shown(fit(io.StringIO(), 2)) == (
        "Epoch 1/2\n4/4 - 0s - 0s/step - loss: 0.5124 - accuracy: 5.0000e-04 - val_loss: -0.2500\n"
        "Epoch 2/2\n4/4 - 0s - 0s/step - loss: 0.5000 - accuracy: 1.0000 - val_loss: 2.0000\n"
    )


def test_17_3_a_single_epoch_has_no_header():
    assert fit(io.StringIO(), 2, LOGS[:1]).startswith("4/4 - ")


def test_17_3_verbose_2_looks_the_same_on_a_terminal():
    assert fit(Terminal(), 2).count("\n") == 4
    assert "\r" not in fit(Terminal(), 2)


def test_17_4_verbose_1_redraws_a_bar_on_a_terminal():
    text = fit(Terminal(), 1, LOGS[:1])

    assert "\b" not in text
    drawn = [shown(part) for part in text.split("\r")[1:]]
    assert drawn[0] == f"1/4 {BAR} 0s 0s/step - loss: 0.5124"
    assert drawn[-1] == f"4/4 {BAR} 0s 0s/step - loss: 0.5124 - accuracy: 5.0000e-04 - val_loss: -0.2500\n"
    assert len(drawn) == 5


def test_17_4_the_bar_fills_and_is_coloured_on_a_terminal():
    text = bar_line(1, 4, 1.0, 0.5, {}, final=False, colour=True)

    assert text == f"\x1b[1m1/4\x1b[0m \x1b[32m{'━' * 5}\x1b[0m\x1b[37m{'━' * 15}\x1b[0m \x1b[1m1s\x1b[0m 500ms/step"


def test_17_4_counts_have_the_width_of_the_total():
    assert bar_line(7, 120, 1.0, 0.5, {}, final=False, colour=False) == f"  7/120 {BAR} 56s 500ms/step"
    assert bar_line(120, 120, 61.0, 0.5, {}, final=True, colour=False) == f"120/120 {BAR} 61s 500ms/step"


def test_17_4_an_unknown_length_is_counted_until_the_first_epoch_ends():
    lines = shown(fit(Terminal(), 1, steps=None).replace("\r", "\n")).split("\n")

    assert lines[2] == "      1/Unknown 0s 0s/step - loss: 0.5124"
    assert lines[5].startswith(f"3/3 {BAR} 0s 0s/step - loss: 0.5124 - accuracy")
    assert f"1/3 {BAR} 0s 0s/step - loss: 0.5000" in lines


def test_17_4_a_shorter_line_wipes_what_was_there():
    console = Terminal()
    long = iter([{"loss": 1.0, "a_long_name": 1.0}, {"loss": 1.0}, {"loss": 1.0}, {"loss": 1.0}])

    fit(console, 1, [{"loss": 1.0}], running=lambda: next(long))

    widths = {len(re.sub(r"\x1b\[\d*m", "", part).rstrip("\n")) for part in console.getvalue().split("\r")[1:3]}
    assert len(widths) == 1
    assert shown(console.getvalue()) == f"4/4 {BAR} 0s 0s/step - loss: 1.0000\n"


def test_17_4_running_values_are_cut_to_the_terminal(monkeypatch):
    console = Terminal()
    console.fileno = lambda: 7
    monkeypatch.setattr(os, "get_terminal_size", lambda number: os.terminal_size((60, 24)))
    many = {f"metric_{i}": 1.0 for i in range(9)}

    fit(console, 1, [many], running=lambda: many)

    *redrawn, final = [re.sub(r"\x1b\[\d*m", "", part) for part in console.getvalue().split("\r")[1:]]
    assert all(30 < len(line.rstrip()) < 60 for line in redrawn)
    assert "metric_0: 1.0000" in redrawn[0]
    assert "metric_8: 1.0000" in final


def test_running_values_are_only_asked_for_when_they_are_drawn(monkeypatch):
    asked = []
    monkeypatch.setattr("fitdash.engine.callbacks.progbar_logger.time.perf_counter", lambda: 5.0)

    fit(Terminal(), 1, LOGS[:1], running=lambda: asked.append(1) or {})
    assert len(asked) == 1

    fit(io.StringIO(), 1, LOGS[:1], running=lambda: pytest.fail("nobody sees them"))
    fit(Terminal(), 2, LOGS[:1], running=lambda: pytest.fail("nobody sees them"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.1235"),
        (1234.5, "1234.5000"),
        (0.001, "1.0000e-03"),
        (0.00101, "0.0010"),
        (-0.5, "-0.5000"),
        (-0.0005, "-5.0000e-04"),
        (0.0, "0.0000e+00"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ("high", "high"),
    ],
)
def test_17_5_values_have_4_decimals_and_small_ones_an_exponent(value, text):
    assert number(value) == text


def test_17_6_the_line_shows_what_an_early_callback_added():
    assert "learning_rate: 0.0100" in fit(io.StringIO(), 2, [{"loss": 1.0, "learning_rate": 0.01}])


@pytest.mark.parametrize(
    ("verbose", "text"),
    [(0, ""), (1, f"5/5 {BAR} 0s 0s/step - loss: 0.5000\n"), (2, "5/5 - 0s - 0s/step - loss: 0.5000\n")],
)
def test_17_7_evaluate_prints_one_line(verbose, text):
    console = io.StringIO()
    told = CallbackList([ProgbarLogger()], Model(console), _params(verbose, 1, 5))

    told.on_test_begin()
    told.on_progress(5, dict)
    told.on_test_end({"loss": 0.5})

    assert shown(console.getvalue()) == text


def test_17_7_predict_prints_a_bar_without_values_and_redraws_it():
    console = Terminal()
    told = CallbackList([ProgbarLogger()], Model(console), _params(1, 1, None))

    told.on_predict_begin()
    told.on_progress(1, dict)
    told.on_progress(2, dict)
    told.on_predict_end()

    assert [shown(part) for part in console.getvalue().split("\r")[1:]] == [
        "      1/Unknown 0s 0s/step",
        "      2/Unknown 0s 0s/step",
        f"2/2 {BAR} 0s 0s/step\n",
    ]


def test_17_7_validation_inside_fit_prints_nothing():
    console = io.StringIO()
    told = CallbackList([ProgbarLogger()], Model(console), _params(1, 1, 5))
    told.on_train_begin()

    told.on_test_begin()
    told.on_progress(1, dict)
    told.on_test_end({"loss": 0.5})

    assert console.getvalue() == ""


def test_17_8_elsewhere_only_the_final_line_is_printed_without_colours():
    text = fit(io.StringIO(), 1)

    assert not {"\b", "\r", "\x1b"} & set(text)
    assert shown(text) == (
        f"Epoch 1/2\n4/4 {BAR} 0s 0s/step - loss: 0.5124 - accuracy: 5.0000e-04 - val_loss: -0.2500\n"
        f"Epoch 2/2\n4/4 {BAR} 0s 0s/step - loss: 0.5000 - accuracy: 1.0000 - val_loss: 2.0000\n"
    )


def test_17_4_a_notebook_cell_is_redrawn_too():
    cell = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()

    assert fit(cell, 1, LOGS[:1]).count("\r") == 5


def test_the_bar_survives_a_console_without_its_signs():
    raw = io.BytesIO()

    console = io.TextIOWrapper(raw, encoding="ascii")
    console.getvalue = lambda: raw.getvalue().decode("ascii")

    assert f"4/4 {'=' * 20} " in fit(console, 1)


def test_text_goes_to_standard_output_as_it_is_at_that_moment(capsys):
    told = CallbackList([ProgbarLogger()], Model(None), _params(2, 2, 4))

    told.on_epoch_begin(0)

    assert capsys.readouterr().out == "Epoch 1/2\n"


def test_15_8b_an_epoch_cut_short_closes_its_line_where_it_is():
    console = Terminal()
    told = CallbackList([ProgbarLogger()], Model(console), _params(1, 2, 4))
    told.on_train_begin()
    told.on_epoch_begin(0)
    told.between_steps(Moment(epoch=0, first=0, last=1, steps=4, logs=lambda: {"loss": 1.0}))

    told.on_partial_epoch(0, {"loss": 1.0})

    assert shown(console.getvalue()) == f"Epoch 1/2\n2/4 {BAR} 0s 0s/step - loss: 1.0000\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59.9, "59s"), (60, "60s"), (61, "1:01"), (3600, "60:00"), (3725, "1:02:05")]
)
def test_time_left_is_short(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s/step"), (2.6, "3s/step"), (0.0025, "2ms/step"), (0.0000049, "5us/step")]
)
def test_time_per_step_has_a_fitting_unit(seconds, text):
    assert step_time(seconds) == text


def test_17_3_time_taken_and_time_per_step_are_those_of_the_epoch():
    assert epoch_line(4, 2.4, 0.0614, {}) == "4/4 - 2s - 61ms/step"


@pytest.mark.parity
@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("steps", [4, None])
def test_17_3_and_17_4_the_screen_is_as_in_keras(verbose, steps, capsys):
    keras = pytest.importorskip("keras")
    logs = [{"loss": 0.51239, "accuracy": 0.0005}, {"loss": 12.5, "accuracy": 1.0, "val_loss": 2.0}]
    theirs = keras.callbacks.ProgbarLogger()
    theirs.set_params(_params(verbose, 2, steps))

    theirs.on_train_begin()
    for epoch, values in enumerate(logs):
        theirs.on_epoch_begin(epoch)
        for step in range(steps or 3):
            theirs.on_train_batch_end(step, values)
        theirs.on_epoch_end(epoch, values)

    assert shown(fit(Terminal(), verbose, logs, steps=steps)) == shown(capsys.readouterr().out)


def test_17_3_time_per_step_is_right_where_many_steps_run_between_two_looks(monkeypatch):
    now = iter([0.0, 0.0, 9.0, 10.0, 10.0, 10.0])
    monkeypatch.setattr("fitdash.engine.callbacks.progbar_logger.time.perf_counter", lambda: next(now))
    console = io.StringIO()
    told = CallbackList([ProgbarLogger()], Model(console), _params(2, 1, 10))

    told.on_epoch_begin(0)
    told.between_steps(Moment(epoch=0, first=0, last=9, steps=10, logs=dict))
    told.on_epoch_end(0, {"loss": 1.0})

    assert console.getvalue() == "10/10 - 10s - 1s/step - loss: 1.0000\n"
