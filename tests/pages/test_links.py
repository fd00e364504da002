"""A link says the whole form: whoever opens it has the same plan."""

import random
from dataclasses import fields, replace

import pytest

from fitdash.data.tables.catalogue import dataset_of
from fitdash.data.tables.data_facts import facts_of
from fitdash.settings.declaration import inert_in, problems_in
from fitdash.settings.experiment import SECTIONS, Experiment
from fitdash.ui.form.fill import to_query_params
from fitdash.ui.form.widget_values import read_experiment, to_widget_values
from tests.pages.conftest import APP, SECONDS
from tests.ui.experiments import drawn

LINKS = 12


def opened(query):
    from streamlit.testing.v1 import AppTest

    page = AppTest.from_file(APP, default_timeout=SECONDS)
    for key, value in query.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception
    return page


def said(page):
    state = page.session_state
    return read_experiment(lambda key, default=None: state[key] if key in state else default)  # noqa: SIM401


def effective(experiment):
    """The experiment, with the default in place of what is without effect."""
    facts = facts_of(dataset_of(experiment.data))
    inert = inert_in(experiment, facts)
    for name, cls in SECTIONS.items():
        part, plain = getattr(experiment, name), cls()
        off = {f.name: getattr(plain, f.name) for f in fields(cls) if f"{name}.{f.name}" in inert}
        experiment = replace(experiment, **{name: replace(part, **off)})
    callbacks = []
    for place, args in enumerate(experiment.callbacks):
        off = {f.name: getattr(type(args)(), f.name) for f in fields(args) if f"callbacks.{place}.{f.name}" in inert}
        callbacks.append(replace(args, **off))
    return replace(experiment, callbacks=tuple(callbacks))


def legal(seed):
    """An experiment by chance that has no problem."""
    dice = random.Random(seed)
    while True:
        experiment = drawn(dice)
        if experiment.data.name == "upload" or problems_in(experiment):
            continue
        if not problems_in(experiment, facts_of(dataset_of(experiment.data))):
            return experiment


@pytest.mark.parametrize("seed", range(LINKS))
def test_a_link_is_read_back_to_the_same_plan(seed):
    experiment = legal(seed)

    page = opened(to_query_params(to_widget_values(experiment)))

    assert effective(said(page)) == effective(experiment)


def test_a_plain_form_has_a_plain_link():
    assert to_query_params(to_widget_values(Experiment())) == {}
