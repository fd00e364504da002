"""A run that was one of several: it says so, and can be repeated by itself."""

import pytest

import fitdash
from fitdash.export.run_files import script
from fitdash.ui.session.server_resources import server_resources
from fitdash.ui.view_models.event_text import describe_events
from tests.pages.conftest import texts, trained, wait_for

IRIS = {"data": {"name": "iris"}, "fit": {"epochs": 3}}
RATES = {"compile.learning_rate": "1e-3..1e-2 log"}


@pytest.fixture
def one_of_eight():
    """A trial of a sweep whose trials trained together."""
    found = fitdash.sweep(IRIS, RATES, trials=8, workers=0, sampler="random", pruner="none")
    return found.trials()[3].run


def test_it_says_so_and_repeat_alone_trains_it_by_itself(open_page, one_of_eight):
    page = open_page(run=one_of_eight)
    assert "Trained together with 7 others in one program" in texts(page)

    page.button(key="repeat_alone").click().run()

    (again,) = [run for run in server_resources().store.runs() if run.sweep is None]
    wait_for(lambda: server_resources().store.run(again.uid).state == "finished")
    page.run()
    assert page.query_params["run"] in (again.uid, [again.uid])
    assert "Trained together" not in texts(page)
    record = server_resources().store.run(one_of_eight)
    assert again.experiment == record.experiment
    ours, theirs = (
        [row.logs["loss"] for row in server_resources().store.epochs(uid)] for uid in (again.uid, one_of_eight)
    )
    assert ours == pytest.approx(theirs, rel=1e-3)
    assert "together" not in server_resources().store.run(again.uid).params


def test_its_script_says_that_alone_the_numbers_differ(one_of_eight):
    assert "trained together with others" in script(server_resources().store, one_of_eight)


def test_a_run_says_how_it_was_trained(open_page):
    page = open_page(data__name="iris", fit__epochs="1")

    trained(page)
    page.run()

    assert "How it was trained: eager: too few steps to gain from recording." in texts(page)


def test_what_made_a_run_go_on_otherwise_is_said():
    told = [
        {"epoch": 2, "kind": "stepper", "speed": "eager", "reason": "the step gave a loss that is not finite"},
        {"epoch": 0, "kind": "alone", "reason": "Refused: no"},
    ]

    first, second = describe_events(told)

    assert first == "From epoch 3 on every step was run by itself: the step gave a loss that is not finite."
    assert second.endswith("Refused: no")
