"""Preview of a learning rate schedule as a sparkline."""

import numpy as np
import streamlit as st

from fitdash.charts.sparklines import line_svg
from fitdash.settings.callbacks import LearningRateSchedulerArgs
from fitdash.settings.declaration import replace_invalid_values
from fitdash.settings.experiment import Experiment
from fitdash.settings.losses_and_metrics import resolved_learning_rate
from fitdash.settings.schedules import learning_rate_at
from fitdash.ui.view_models.formatting import format_number

MOST_POINTS = 120


def schedule_line(args: LearningRateSchedulerArgs, experiment: Experiment, *, key: str) -> None:
    """Draws the learning rate over the epochs that would run."""
    args, fit, compiled = (
        replace_invalid_values(args),
        replace_invalid_values(experiment.fit),
        replace_invalid_values(experiment.compile),
    )
    first, last = fit.initial_epoch, fit.epochs - 1
    if last < first:
        return
    epochs = np.unique(np.linspace(first, last, min(MOST_POINTS, last - first + 1)).round().astype(int))
    initial = resolved_learning_rate(compiled.optimizer, compiled.learning_rate)
    rates = [
        learning_rate_at(
            args.schedule, int(e), initial=initial, epochs=fit.epochs, factor=args.factor, every=args.every
        )
        for e in epochs
    ]
    told = (
        f"learning rate {format_number(rates[0])} in epoch {first + 1}, {format_number(rates[-1])} in epoch {last + 1}"
    )
    with st.container(gap="xxsmall", key=key):
        st.html(line_svg(rates, told))
        st.caption(told)
