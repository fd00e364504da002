"""Every control of what goes in, of time and of watching acts: moved on the page, seen in what was trained."""

import pytest

from fitdash.data.tables.upload import save_upload
from fitdash.runs.protocol.paths import home
from fitdash.ui.session.server_resources import server_resources
from tests.pages.conftest import texts, trained
from tests.pages.test_form import by_key, fit_button

QUICK = {"data__name": "moons", "data__samples": "60", "network__width": "4", "fit__epochs": "2", "pace": "full speed"}


def epochs_of(run):
    return [row.epoch for row in server_resources().store.epochs(run.uid)]


def test_object_is_the_network_that_trains(open_page, seen):
    page = open_page(**QUICK)
    by_key(page, "network.width").set_value(7).run()
    by_key(page, "network.depth").set_value(1).run()

    trained(page)

    assert [tuple(part.shape) for part in seen.modules[0].parameters()] == [(7, 2), (7,), (1, 7), (1,)]


def test_the_kind_of_object_is_the_kind_of_network_that_trains(open_page, seen):
    page = open_page(**QUICK | {"data__name": "regimes"})
    by_key(page, "network.kind").set_value("lstm").run()

    trained(page)

    assert [type(part).__name__ for part in seen.modules[0].children()] == ["LSTM", "LSTM", "Linear", "Softmax"]


def test_x_is_the_columns_that_the_network_sees(open_page, seen):
    page = open_page(**QUICK | {"data__name": "iris"})
    by_key(page, "data.features").set_value(["petal width (cm)", "sepal width (cm)"]).run()

    trained(page)

    assert {x.shape[1] for _, x in seen.batches} == {2}


def test_y_is_the_column_that_is_predicted(open_page, seen):
    lines = "\n".join(f"{i},{i * i % 7 / 3},{'ab'[i % 2]}" for i in range(40))
    content = save_upload(f"size,price,kind\n{lines}\n".encode(), home() / "uploads")
    page = open_page(
        **QUICK | {"data__name": "upload"}, data__content=content, data__filename="x.csv", data__target="kind"
    )
    _, by_class = trained(page)
    by_key(page, "data.target").set_value("price").run()

    run, by_number = trained(page)

    assert list(by_class[0]) == ["loss", "accuracy"]
    assert list(by_number[0]) == ["loss", "mean_absolute_error", "r2_score"]
    assert seen.batches[-1][1].shape[1] == 3


@pytest.mark.parametrize(("size", "batches"), [(20, [20, 20, 20]), (60, [60]), (None, [32, 28])])
def test_batch_size_cuts_the_rows_into_batches(open_page, seen, size, batches):
    page = open_page(**QUICK, fit__batch_size="7")
    by_key(page, "fit.batch_size").set_value(size).run()

    run, _ = trained(page)

    rows = seen.trained(run)
    assert [len(batch) for batch in rows] == 2 * batches
    assert sorted(sum(rows[: len(batches)], [])) == list(range(60))


def test_epochs_is_where_training_stops(open_page):
    page = open_page(**QUICK)
    by_key(page, "fit.epochs").set_value(5).run()

    run, _ = trained(page)

    assert epochs_of(run) == [0, 1, 2, 3, 4]


def test_initial_epoch_is_where_the_numbering_starts(open_page, seen):
    page = open_page(**QUICK | {"fit__epochs": "5"})
    by_key(page, "fit.initial_epoch").set_value(3).run()

    run, _ = trained(page)

    assert epochs_of(run) == [3, 4]
    assert len(seen.trained(run)) == 2 * 2
    assert "Epoch 4/5" in "\n".join(server_resources().store.texts(run.uid))


def test_steps_per_epoch_ends_an_epoch_and_the_next_goes_on_there(open_page, seen):
    page = open_page(**QUICK | {"fit__epochs": "3"}, fit__batch_size="20")
    by_key(page, "fit.steps_per_epoch").set_value(2).run()

    run, _ = trained(page)

    first, second, third = (list(range(start, start + 20)) for start in (0, 20, 40))
    assert seen.trained(run) == [first, second, third, first, second, third]
    assert len(epochs_of(run)) == 3


@pytest.mark.parametrize(
    ("verbose", "says", "never"),
    [(0, [], "Epoch"), (1, ["Epoch 2/2", "━"], "2/2 - "), (2, ["Epoch 2/2", "2/2 - "], "━")],
)
def test_verbose_is_how_much_is_printed(open_page, verbose, says, never):
    page = open_page(**QUICK, fit__verbose="2 lines" if verbose == 0 else "0 silent")
    by_key(page, "fit.verbose").set_value(verbose).run()

    run, _ = trained(page)

    printed = "\n".join(server_resources().store.texts(run.uid))
    assert all(part in printed for part in says)
    assert never not in printed
    page.run()
    assert all(part in texts(page) for part in says)


def test_what_is_not_an_argument_changes_nothing_of_the_run(open_page):
    page = open_page(**QUICK, fit__shufle="off", fit__learning_rate="0.5")
    assert not fit_button(page).disabled

    _, strange = trained(page)
    _, plain = trained(open_page(**QUICK))

    assert strange == plain
