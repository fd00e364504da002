"""Preview of the validation split: the rows in the order of the data, with those that validation takes below."""

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from fitdash.charts.sparklines import pixels_png
from fitdash.charts.split_strip import strip_pixels
from fitdash.settings.experiment import Experiment
from fitdash.ui.form import dataset_section
from fitdash.ui.form.fill import set_widget_values

PLACES = ("fit.validation_split", "fit.validation_data")


def draw(experiment: Experiment, remarks: Mapping[str, Sequence[str]]) -> None:
    """Draws the split beneath its arguments, and a button for a stratified one if there is a remark on the split."""
    if not experiment.fit.validates:
        return
    fit = experiment.fit
    if fit.validation_data is not None and fit.validation_data.kind == "upload":
        return
    found = _strip(repr((experiment.data, fit.validation_split, fit.validation_data, experiment.seed)), experiment)
    if found is None:
        return
    picture, told = found
    with st.container(gap="xxsmall", key="strip"):
        st.html(
            f'<img src="{picture}" alt="{escape(told)}" '
            'style="width:100%;height:44px;image-rendering:pixelated;border-radius:4px;display:block">'
        )
        st.caption(told)
        if any(remarks.get(place) for place in PLACES):
            st.button("Hold out a stratified part instead", key="stratify", on_click=_stratify, width="stretch")


def _stratify() -> None:
    """Sets a stratified hold-out of the same share as now."""
    values = st.session_state
    share = values.get("fit.validation_split") or values.get("fit.validation_data.share") or 0.2
    set_widget_values({"fit.validation_data": "stratified", "fit.validation_data.share": float(share)})


@st.cache_data(show_spinner=False, max_entries=64)
def _strip(key: str, _experiment: Experiment) -> tuple[str, str] | None:
    """The image as a URL and its description; None if the data cannot be split."""
    from fitdash.data.tables.split_preview import make_split_preview
    from fitdash.errors import FitdashError

    dataset = dataset_section.summarize_dataset(_experiment.data).target_only
    if dataset is None:
        return None
    try:
        strip = make_split_preview(dataset, _experiment.fit, _experiment.seed)
    except FitdashError:
        return None
    pixels = strip_pixels(strip.values, strip.held, is_class=strip.is_class)
    what = "class" if strip.is_class else "value"
    told = f"above the {strip.rows - strip.held_rows:,} training rows, below the {strip.held_rows:,} validation rows, "
    return pixels_png(pixels), told + f"in the order of the data, coloured by {what}"
