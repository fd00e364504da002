import pytest

from fitdash.settings.dataset import DATASETS, DatasetArgs
from fitdash.settings.declaration import inert_in, problems_in

UPLOADED = DatasetArgs(name="upload", content="0" * 64, filename="prices.csv", target="price")


@pytest.mark.parametrize("name", [name for name in DATASETS if name != "upload"])
def test_every_set_that_is_offered_needs_nothing_else(name):
    assert problems_in(DatasetArgs(name=name)) == []


@pytest.mark.parametrize(
    ("given", "where", "text"),
    [
        ({"name": "digit"}, "name", "Unknown name 'digit'. Did you mean 'digits'? Known: digits, wine, breast_cancer"),
        ({"name": "upload"}, "content", "name is upload but there is no file. Choose a CSV file, or another name."),
        ({"content": "../secret"}, "content", "content must be a SHA-256 in hexadecimal digits, got '../secret'."),
        ({"content": "0" * 64 + "\n"}, "content", "content must be a SHA-256 in hexadecimal digits, got '000"),
        ({"features": ()}, "features", "features must name one column or more, got none."),
        ({"classes": 5}, "classes", "classes must be at most 4, got 5."),
        ({"samples": 10**9}, "samples", "samples must be at most 1000000, got 1000000000."),
        ({"noise": float("inf")}, "noise", "noise must be finite, got inf."),
    ],
)
def test_what_stops_a_run(given, where, text):
    (problem,) = problems_in(DatasetArgs(**given))

    assert problem.where == f"data.{where}"
    assert problem.text.startswith(text)


def test_the_target_is_no_feature():
    args = DatasetArgs(name="upload", content="0" * 64, target="price", features=("area", "price"))

    assert [problem.text for problem in problems_in(args)] == [
        "features must not hold the target, got 'price'. Take it out."
    ]


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (DatasetArgs(name="iris"), ["samples", "noise", "classes", "target", "task", "content", "filename"]),
        (DatasetArgs(name="moons"), ["classes", "target", "task", "content", "filename"]),
        (DatasetArgs(name="spiral"), ["target", "task", "content", "filename"]),
        (UPLOADED, ["order", "samples", "noise", "classes"]),
    ],
)
def test_settings_of_another_kind_of_data_are_without_effect(args, names):
    inert = inert_in(args)

    assert list(inert) == [f"data.{name}" for name in names]
    assert all("name" in reason for reason in inert.values())
