import numpy as np
import pandas as pd
import pytest

from fitdash.data.tables.data_checks import detect_order_and_outliers
from fitdash.data.tables.data_facts import facts_of
from fitdash.data.tables.dataset import make_dataset
from fitdash.data.tables.loaded_dataset import load_dataset
from fitdash.settings.dataset import BUNDLED, DATASETS, TOYS

ROWS = 500
CHANCE = np.random.default_rng(0)
X = CHANCE.normal(size=ROWS)
DAYS = pd.date_range("2025-01-01", periods=ROWS).strftime("%Y-%m-%d")


def found(y=None, **columns):
    table = pd.DataFrame({"x": X, **columns, "y": X[::-1] if y is None else y})
    return detect_order_and_outliers(make_dataset("t", table, "y", "regression"))


NOTHING = {"rising": None, "dates": None, "sorted_target": False, "far": ()}


@pytest.mark.parametrize(
    ("columns", "signs"),
    [
        ({"hour": np.arange(ROWS)}, {"rising": "hour"}),
        ({"left": -np.sqrt(np.arange(ROWS))}, {"rising": "left"}),
        ({"day": DAYS}, {"rising": "day", "dates": "day"}),
        ({"day": DAYS[::-1]}, {"rising": "day", "dates": "day"}),
        ({"day": pd.to_datetime(DAYS).strftime("%d.%m.%Y")}, {"rising": "day", "dates": "day"}),
        ({"day": pd.to_datetime(DAYS).strftime("%m/%d/%Y 12:00")}, {"rising": "day", "dates": "day"}),
        ({"day": CHANCE.permutation(DAYS)}, {"dates": "day"}),
        ({"day": ["31.12.2025", "01.01.2026"] * (ROWS // 2)}, {"dates": "day"}),
        ({"y": np.arange(ROWS) / 3}, {"sorted_target": True}),
        ({"group": np.arange(ROWS) // 100}, {}),
        ({"word": ["a", "2026"] * (ROWS // 2)}, {}),
        ({"same": np.ones(ROWS)}, {}),
        ({"flag": (np.arange(ROWS) == 3).astype(int)}, {}),
        ({"empty": [np.nan] * ROWS}, {}),
    ],
)
def test_columns_that_go_one_way_or_hold_dates_are_found(columns, signs):
    assert found(**columns) == NOTHING | signs


def test_a_value_far_from_all_others_is_found():
    outlier = np.where(np.arange(ROWS) == 7, 1e6, X)

    ((name, reach),) = found(price=outlier)["far"]

    assert name == "price"
    assert reach == pytest.approx(np.sqrt(ROWS - 1), rel=0.01)


def test_few_rows_give_nothing_away():
    table = pd.DataFrame({"hour": range(10), "y": range(10)})

    assert detect_order_and_outliers(make_dataset("t", table, "y", "regression")) == {}


@pytest.mark.parametrize("name", [name for name in DATASETS if name != "upload"])
@pytest.mark.parametrize("order", ["shuffled", "sorted"])
def test_the_data_that_comes_along_raises_no_false_alarm(name, order):
    data = load_dataset(name, order=order) if name in (*BUNDLED, *TOYS) else load_dataset(name)

    facts = facts_of(data)

    assert (facts.rising, facts.dates, facts.far) == (None, None, ())
    assert facts.sorted_target == (order == "sorted" and name in ("diabetes", "linnerud") and len(data) >= 20)
