import pytest

from fitdash.settings.compile import CompileArgs
from fitdash.settings.data_facts import STEP_WEIGHTS, Facts
from fitdash.settings.declaration import problems_in
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.weight_expressions import (
    FORMS,
    MEANINGS,
    Weighing,
    read_weighing,
    same_file,
    spoken,
    weighs_steps,
    write_weighing,
)

HASH = "0123456789abcdef" * 4
ROWS = Facts(rows=10, columns=("w", "square(w)"), weights=("w", "square(w)"))
SEQUENCES = Facts(rows=10, steps=30, step_weights=STEP_WEIGHTS)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("inverse(age)", Weighing(form="inverse", column="age")),
        ("recency()", Weighing(form="recency")),
        ("above(petal length (cm), 4, 3)", Weighing(form="above", column="petal length (cm)", value="4", factor=3.0)),
        ("below(price, in euro, 4.5, 0.5)", Weighing(form="below", column="price, in euro", value="4.5", factor=0.5)),
        ("equal(kind, red, 2)", Weighing(form="equal", column="kind", value="red", factor=2.0)),
        ('equal(city, "Paris, Texas", 2)', Weighing(form="equal", column="city", value="Paris, Texas", factor=2.0)),
        ('equal(a, b, "c, d", 2)', Weighing(form="equal", column="a, b", value="c, d", factor=2.0)),
        ('equal(q, """so"", he said", 2)', Weighing(form="equal", column="q", value='"so", he said', factor=2.0)),
        ('equal(q, 5" pipe, 2)', Weighing(form="equal", column="q", value='5" pipe', factor=2.0)),
        ('equal(q, " a ", 2)', Weighing(form="equal", column="q", value=" a ", factor=2.0)),
        ('equal(5" pipe, long, (a), 2)', Weighing(form="equal", column='5" pipe, long', value="(a)", factor=2.0)),
        ('equal("""a"" b, c", d, 2)', Weighing(form="equal", column='"a" b, c', value="d", factor=2.0)),
        ('inverse("""pipe""")', Weighing(form="inverse", column='"pipe"')),
        ('upload("w", x.csv)', Weighing(form="upload", filename='"w", x.csv')),
        ("last_steps(7)", Weighing(form="last_steps", count=7)),
        (f"upload(a, b.csv, {HASH})", Weighing(form="upload", filename="a, b.csv", content=HASH)),
        ("upload(a, b.csv)", Weighing(form="upload", filename="a, b.csv")),
    ],
)
def test_an_expression_is_read_and_written_alike(text, meant):
    assert read_weighing(text) == meant
    assert write_weighing(meant) == text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('equal( kind ,"red",2)', Weighing(form="equal", column="kind", value="red", factor=2.0)),
        ('equal(kind, "red, 2)', Weighing(form="equal", column="kind", value='"red', factor=2.0)),
        ('inverse(5" pipe)', Weighing(form="inverse", column='5" pipe')),
        ('equal(kind, "a, b")', Weighing(form="equal", column="kind", value="a, b")),
    ],
)
def test_an_expression_is_also_read_as_people_type_it(text, meant):
    assert read_weighing(text) == meant
    assert read_weighing(write_weighing(meant)) == meant


@pytest.mark.parametrize("text", ["age", "exp(age)", "inverse(age) + 1", "", None, "__import__('os').system('x')"])
def test_what_is_not_in_the_list_is_no_expression(text):
    assert read_weighing(text) is None


def test_every_expression_has_a_meaning():
    assert list(MEANINGS) == list(FORMS)


@pytest.mark.parametrize(
    ("text", "facts", "expected"),
    [
        ("inverse()", ROWS, "sample_weight must name a column for inverse(column), got none."),
        ("above(w)", ROWS, "sample_weight must name a value for above(column, value, factor), got none."),
        ("above(w, tall, 2)", ROWS, "sample_weight must hold w against a number, got 'tall'."),
        (
            'above(w, "1000,5", 2)',
            ROWS,
            "sample_weight must hold w against a number, got '1000,5'. Write it with a point: 1000.5.",
        ),
        ('above(w, "1,000,5", 2)', ROWS, "sample_weight must hold w against a number, got '1,000,5'."),
        ("above(w, 1, -2)", ROWS, "sample_weight factor must be at least 0, got -2.0."),
        ("above(w, 1, x)", ROWS, "sample_weight factor must be a number, got 'x'."),
        ("upload(w.csv)", ROWS, "sample_weight is upload but there is no file. Choose a CSV file, or other weights."),
        ("last_steps(3)", ROWS, "sample_weight must be of rows, got last_steps: the data has no steps."),
        ("last_steps(31)", SEQUENCES, "sample_weight must be of at most 30 steps, got 31."),
        ("last_steps(0)", SEQUENCES, "sample_weight count must be at least 1, got 0."),
        (
            "squared(w)",
            ROWS,
            "Unknown expression in sample_weight, 'squared'. Did you mean 'square'? Known: " + ", ".join(FORMS) + ".",
        ),
        (
            "v",
            ROWS,
            "sample_weight must name a column of numbers from 0 up, got 'v'. Known: w, square(w).",
        ),
    ],
)
def test_what_an_expression_lacks_is_told(text, facts, expected):
    assert [problem.text for problem in problems_in(FitArgs(sample_weight=text), facts)] == [expected]


def test_a_file_without_its_content_is_told_also_before_the_data_is_known():
    assert [problem.where for problem in problems_in(FitArgs(sample_weight="upload(/etc/passwd)"))] == [
        "fit.sample_weight"
    ]


def test_a_column_that_is_named_like_an_expression_is_a_column():
    assert problems_in(FitArgs(sample_weight="square(w)"), ROWS) == []


def test_a_file_is_spoken_of_by_its_name_alone():
    said = f"upload(a.csv, {HASH})"

    assert spoken(said) == "upload(a.csv)"
    assert spoken("age") == "age"
    assert same_file("upload(a.csv)", said) == said
    assert same_file("upload(b.csv)", said) == "upload(b.csv)"


@pytest.mark.parametrize(
    ("text", "are"),
    [("ramp", True), ("last_steps(3)", True), ("upload_steps(a)", True), ("upload(a)", False), ("w", False)],
)
def test_weights_of_steps_are_told_from_weights_of_rows(text, are):
    assert weighs_steps(text, SEQUENCES) is are


def test_temporal_takes_every_weight_of_steps():
    experiment = Experiment(
        compile=CompileArgs(sample_weight_mode="temporal"), fit=FitArgs(sample_weight="last_steps(3)")
    )

    assert problems_in(experiment, SEQUENCES) == []
