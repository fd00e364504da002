"""Pasted calls: what is understood is set, what is not is told, and nothing is run."""

import random
import threading

import pytest

from fitdash.export.fitdash_code import fitdash_code
from fitdash.export.r_code import r_code
from fitdash.pasted.read import LONGEST, read_pasted
from fitdash.settings.callbacks import (
    EarlyStoppingArgs,
    LearningRateSchedulerArgs,
    ModelCheckpointArgs,
    ReduceLROnPlateauArgs,
    TerminateOnNaNArgs,
)
from fitdash.settings.compile import CompileArgs
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut
from tests.pasted.snippets_python import PYTHON
from tests.pasted.snippets_r import R

SNIPPETS = [("R", *one) for one in R] + [("Python", *one) for one in PYTHON]


@pytest.mark.parametrize(("language", "text", "settings", "missed"), SNIPPETS)
def test_what_is_understood_is_set_and_what_is_not_is_told(language, text, settings, missed):
    pasted = read_pasted(text)

    assert {key: pasted.settings.get(key, "nothing") for key in settings} == settings
    told = "\n".join(pasted.not_understood)
    assert [word for word in missed if word not in told] == []


def test_a_setting_that_cannot_be_is_not_set():
    pasted = read_pasted("import fitdash\nmodel.fit(x, y, epochs=0, validation_split=1.0, batch_size=8)")

    assert pasted.settings == {"fit.batch_size": 8}


@pytest.mark.parametrize(
    ("text", "callbacks"),
    [
        (
            "model.fit(x, y, callbacks=[EarlyStopping(monitor='val_accuracy', patience=3, mode='max'),"
            " keras.callbacks.ReduceLROnPlateau('val_loss', 0.5)])",
            (
                EarlyStoppingArgs(monitor="val_accuracy", patience=3, mode="max"),
                ReduceLROnPlateauArgs(monitor="val_loss", factor=0.5),
            ),
        ),
        (
            "model %>% fit(x, y, callbacks = list(\n"
            "  callback_early_stopping(patience = 5L, restore_best_weights = TRUE),\n"
            "  callback_reduce_lr_on_plateau(factor = 0.1), callback_terminate_on_naan(), callback_lambda()))",
            (
                EarlyStoppingArgs(patience=5, restore_best_weights=True),
                ReduceLROnPlateauArgs(factor=0.1),
                TerminateOnNaNArgs(),
            ),
        ),
        (
            "stop = EarlyStopping()\nboth = [stop, ModelCheckpoint(filepath='best.keras', save_best_only=True)]\n"
            "model.fit(x, y, callbacks=both)",
            (EarlyStoppingArgs(), ModelCheckpointArgs(filepath="best.keras", save_best_only=True)),
        ),
        (
            "model %>% fit(x, y, callbacks = list(callback_learning_rate_scheduler("
            "function(epoch, lr) 0.1 * 0.5 ^ (epoch %/% 7))))",
            (LearningRateSchedulerArgs(schedule="step", factor=0.5, every=7),),
        ),
        ("model.fit(x, y)", ()),
        ("model.compile(loss='mse')", None),
    ],
)
def test_callbacks_come_with_their_settings(text, callbacks):
    assert read_pasted(text).callbacks == callbacks


def test_a_call_sets_what_it_does_not_name_to_its_default():
    before = Experiment(
        fit=FitArgs(epochs=99, shuffle=False), compile=CompileArgs(loss="mae"), callbacks=(EarlyStoppingArgs(),), seed=4
    )

    after = read_pasted("model %>% fit(x, y, batch_size = 8L)").applied(before)

    assert after == Experiment(fit=FitArgs(batch_size=8), compile=CompileArgs(loss="mae"), seed=4)


def test_arguments_alone_leave_the_others_as_they_are():
    before = Experiment(fit=FitArgs(epochs=99, shuffle=False), callbacks=(EarlyStoppingArgs(),))

    after = read_pasted("batch_size=8, epochs=5").applied(before)

    assert after == Experiment(fit=FitArgs(epochs=5, batch_size=8, shuffle=False), callbacks=(EarlyStoppingArgs(),))


def test_a_file_that_is_named_stays_the_one_that_was_uploaded():
    before = Experiment(data=DatasetArgs(name="upload", filename="a.csv", content="0" * 64))
    text = 'data = fd.load_dataset("a.csv", target="y")\ntrain, val = data.hold_out(0.3, kind="random")'

    after = read_pasted(text).applied(before)

    assert after.data == DatasetArgs(name="upload", filename="a.csv", content="0" * 64, target="y")
    assert after.fit.validation_data == HoldOut(kind="random", share=0.3)


def test_other_lines_are_passed_over():
    pasted = read_pasted("library(keras)\nmodel %>% fit(x, y, epochs = 2L)\nplot(history)")

    assert pasted.passed_over == ("library(keras)", "plot(history)")


HOSTILE = [
    "",
    "   \n\n",
    "(" * 5000,
    "[" * 150 + "]" * 150,
    "model.fit(" + "(" * 90 + ")" * 90 + ")",
    "-" * 5000 + "1",
    "model %>% fit(epochs = " + "-" * 5000 + "1)",
    "a" + ".b" * 5000,
    "a" + "$b" * 5000,
    "x <- " * 3000 + "1",
    "f(" * 500 + "1" + ")" * 500,
    "1" * 9000,
    "model.fit(x, y, epochs=" + "9" * 6000 + ")",
    "model %>% fit(x, y, epochs = " + "9" * 6000 + "L)",
    "model %>% fit(x, y, epochs = 1e999)",
    "model.fit(x, y, validation_split=1e999)",
    "model.fit(x, y, epochs=0x" + "f" * 500 + ")",
    "\x00\x01\x02 fit(x)",
    "model.fit(x, y, epochs='\ud800')",
    "'unclosed",
    '"""unclosed',
    "# only a comment",
    "{" * 100,
    "function(" * 100,
    "if (" * 200,
    "\\" * 300,
    "%" * 300,
    "x = x\nmodel.fit(x, y, epochs=x)",
    "a = b\nb = a\nmodel.fit(q, r, epochs=a)",
    "a = [a]\nmodel.fit(x, y, callbacks=a)",
    "model.fit(x, y, callbacks=[[[[EarlyStopping()]]]])",
    "model.fit(x, y, class_weight={**w, 1: 2})",
    "model.fit(x, y, class_weight={(1, 2): 3, None: 4})",
    "model.fit(x, y, class_weight={1: {1: 2}})",
    "model.compile(loss=None, metrics=None, optimizer=None)",
    "model.compile(loss={}, metrics={}, optimizer=[])",
    "model.compile([], [], [[]], [], [], [], [], [])",
    "load_dataset()",
    "load_dataset(3, 4, 5)",
    "hold_out('x', 'y', 'z', 1)",
    "set_random_seed()",
    "set_random_seed(-1)",
    "fit()",
    "compile()",
    "Dense()",
    "Dropout(0.5)",
    "Dense(64)(Dense(3)(x))(y)",
    "layer_dense(layer_dense(x, 3), 4)",
    "model %>% fit %>% fit()",
    "%>% fit(x, y)",
    "fit(x, y) %>%",
    "<script>alert(1)</script>",
    "SELECT * FROM runs; DROP TABLE runs",
    "é = ü → 3",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_is_pasted_is_answered(text):
    pasted = read_pasted(text)

    assert isinstance(pasted.applied(Experiment()), Experiment)
    assert all(len(sentence) < 400 for sentence in pasted.not_understood)


def test_a_text_that_is_too_long_is_refused_in_a_sentence():
    assert read_pasted("x" * (LONGEST + 1)).not_understood == ("The text must have at most 40,000 signs, got 40,001.",)


@pytest.mark.parametrize("seed", range(4))
def test_broken_pieces_of_real_texts_are_answered(seed):
    dice = random.Random(seed)
    for _ in range(150):
        text = dice.choice(SNIPPETS)[1]
        start, end = sorted(dice.choices(range(len(text) + 1), k=2))
        noise = "".join(dice.choices("()[]{}'\"`%\\,=<->|$#\n ", k=3))
        read_pasted(text[:start] + noise + text[end:])


def test_nothing_is_run(tmp_path):
    mark = tmp_path / "mark"
    for text in (
        f"open({str(mark)!r}, 'w')",
        f"model.fit(x, y, epochs=open({str(mark)!r}, 'w'))",
        f"file.create('{mark}')",
    ):
        read_pasted(text)

    assert not mark.exists()


def test_deep_texts_are_answered_in_a_thread_too():
    found = []
    thread = threading.Thread(target=lambda: found.extend(read_pasted(text) for text in HOSTILE))

    thread.start()
    thread.join()

    assert len(found) == len(HOSTILE)


@pytest.mark.parametrize("line", ["x = = 1\n", "x <- <- 1\n", "m.fit(x, [\n", "f(a,\n"])
def test_of_many_lines_that_cannot_be_read_a_few_are_told(line):
    assert 0 < len(read_pasted(line * 2000).not_understood) < 20


@pytest.mark.parametrize("code", [fitdash_code, r_code])
def test_a_weight_of_rows_whose_word_has_commas_and_quotes_is_read_from_what_is_written(code):
    facts = DataFacts(rows=90, classes=("a", "b"), counts=(45, 45), features=("city",), inputs=3)
    fit = FitArgs(sample_weight='equal(city, "Paris, ""Texas""", 2)')
    before = Experiment(data=DatasetArgs(name="upload", filename="c.csv", content="0" * 64), fit=fit)

    script = code(before, facts)

    assert read_pasted(script).applied(Experiment()).fit == before.fit


def test_a_file_of_weights_of_the_same_name_is_the_one_that_is_there():
    before = Experiment(fit=FitArgs(sample_weight=f"upload(w.csv, {'0' * 64})"))
    text = 'x, y, weight = data.arrays(sample_weight="upload({})")\nmodel.fit(x, y, sample_weight=weight)'

    same = read_pasted(text.format("w.csv")).applied(before)
    other = read_pasted(text.format("v.csv")).applied(before)

    assert same.fit.sample_weight == before.fit.sample_weight
    assert other.fit.sample_weight == "upload(v.csv)"
