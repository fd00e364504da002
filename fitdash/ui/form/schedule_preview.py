"""What a schedule of the learning rate will do, as a line."""

import numpy as np
import streamlit as st

from fitdash.charts.sparklines import line_svg
from fitdash.settings.callbacks import LearningRateSchedulerArgs
from fitdash.settings.declaration import sound
from fitdash.settings.experiment import Experiment
from fitdash.settings.losses_and_metrics import resolved_learning_rate
from fitdash.settings.schedules import rate_at
from fitdash.ui.view_models.formatting import number

MOST_POINTS = 120


def schedule_line(args: LearningRateSchedulerArgs, experiment: Experiment, *, key: str) -> None:
    """The learning rate over the epochs that would run."""
    args, fit, compiled = sound(args), sound(experiment.fit), sound(experiment.compile)
    first, last = fit.initial_epoch, fit.epochs - 1
    if last < first:
        return
    epochs = np.unique(np.linspace(first, last, min(MOST_POINTS, last - first + 1)).round().astype(int))
    initial = resolved_learning_rate(compiled.optimizer, compiled.learning_rate)
    rates = [
        rate_at(args.schedule, int(e), initial=initial, epochs=fit.epochs, factor=args.factor, every=args.every)
        for e in epochs
    ]
    told = f"learning rate {number(rates[0])} in epoch {first + 1}, {number(rates[-1])} in epoch {last + 1}"
    with st.container(gap="xxsmall", key=key):
        st.html(line_svg(rates, told))
        st.caption(told)
