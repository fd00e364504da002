import pytest

from fitdash.settings.compile import CompileArgs
from fitdash.settings.data_facts import STEP_WEIGHTS, DataFacts
from fitdash.settings.declaration import problems_in
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.weight_expressions import (
    EXPRESSION_MEANINGS,
    EXPRESSIONS,
    WeightExpression,
    format_weight_expression,
    parse_weight_expression,
    restore_file_content,
    shorten_sample_weight,
    weighs_steps,
)

HASH = "0123456789abcdef" * 4
ROWS = DataFacts(rows=10, columns=("w", "square(w)"), weights=("w", "square(w)"))
SEQUENCES = DataFacts(rows=10, steps=30, step_weights=STEP_WEIGHTS)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("inverse(age)", WeightExpression(form="inverse", column="age")),
        ("recency()", WeightExpression(form="recency")),
        (
            "above(petal length (cm), 4, 3)",
            WeightExpression(form="above", column="petal length (cm)", value="4", factor=3.0),
        ),
        (
            "below(price, in euro, 4.5, 0.5)",
            WeightExpression(form="below", column="price, in euro", value="4.5", factor=0.5),
        ),
        ("equal(kind, red, 2)", WeightExpression(form="equal", column="kind", value="red", factor=2.0)),
        (
            'equal(city, "Paris, Texas", 2)',
            WeightExpression(form="equal", column="city", value="Paris, Texas", factor=2.0),
        ),
        ('equal(a, b, "c, d", 2)', WeightExpression(form="equal", column="a, b", value="c, d", factor=2.0)),
        (
            'equal(q, """so"", he said", 2)',
            WeightExpression(form="equal", column="q", value='"so", he said', factor=2.0),
        ),
        ('equal(q, 5" pipe, 2)', WeightExpression(form="equal", column="q", value='5" pipe', factor=2.0)),
        ('equal(q, " a ", 2)', WeightExpression(form="equal", column="q", value=" a ", factor=2.0)),
        (
            'equal(5" pipe, long, (a), 2)',
            WeightExpression(form="equal", column='5" pipe, long', value="(a)", factor=2.0),
        ),
        ('equal("""a"" b, c", d, 2)', WeightExpression(form="equal", column='"a" b, c', value="d", factor=2.0)),
        ('inverse("""pipe""")', WeightExpression(form="inverse", column='"pipe"')),
        ('upload("w", x.csv)', WeightExpression(form="upload", filename='"w", x.csv')),
        ("last_steps(7)", WeightExpression(form="last_steps", count=7)),
        (f"upload(a, b.csv, {HASH})", WeightExpression(form="upload", filename="a, b.csv", content=HASH)),
        ("upload(a, b.csv)", WeightExpression(form="upload", filename="a, b.csv")),
    ],
)
def test_an_expression_is_read_and_written_alike(text, meant):
    assert parse_weight_expression(text) == meant
    assert format_weight_expression(meant) == text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('equal( kind ,"red",2)', WeightExpression(form="equal", column="kind", value="red", factor=2.0)),
        ('equal(kind, "red, 2)', WeightExpression(form="equal", column="kind", value='"red', factor=2.0)),
        ('inverse(5" pipe)', WeightExpression(form="inverse", column='5" pipe')),
        ('equal(kind, "a, b")', WeightExpression(form="equal", column="kind", value="a, b")),
    ],
)
def test_an_expression_is_also_read_as_people_type_it(text, meant):
    assert parse_weight_expression(text) == meant
    assert parse_weight_expression(format_weight_expression(meant)) == meant


@pytest.mark.parametrize("text", ["age", "exp(age)", "inverse(age) + 1", "", None, "__import__('os').system('x')"])
def test_what_is_not_in_the_list_is_no_expression(text):
    assert parse_weight_expression(text) is None


def test_every_expression_has_a_meaning():
    assert list(EXPRESSION_MEANINGS) == list(EXPRESSIONS)


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
            "Unknown expression in sample_weight, 'squared'. Did you mean 'square'? Known: "
            + ", ".join(EXPRESSIONS)
            + ".",
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

    assert shorten_sample_weight(said) == "upload(a.csv)"
    assert shorten_sample_weight("age") == "age"
    assert restore_file_content("upload(a.csv)", said) == said
    assert restore_file_content("upload(b.csv)", said) == "upload(b.csv)"


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
