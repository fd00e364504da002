"""The draft as code for fitdash, Keras and R, and a text area that fills the form from a pasted call."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import streamlit as st

from fitdash.export.fitdash_code import fitdash_code
from fitdash.export.keras_code import keras_code
from fitdash.export.r_code import r_code
from fitdash.pasted.read import PastedSettings, read_pasted
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.experiment import Experiment
from fitdash.ui.form.fill import fill_form
from fitdash.ui.form.form import Draft
from fitdash.ui.view_models.formatting import escape_markdown, format_value, label_of

Writer = Callable[[Experiment, DataFacts], str]
KINDS: dict[str, tuple[Writer, str, Any, str]] = {
    "fitdash": (fitdash_code, "fit.py", "python", "Repeats the run to the last digit on CPU."),
    "Keras": (keras_code, "fit_keras.py", "python", "Keras 3, any backend; comments say where it differs."),
    "R": (r_code, "fit.R", "r", "The words of the reference page; the data comes from fitdash through reticulate."),
}
EXAMPLE = "model %>% fit(x, y, epochs = 20, callbacks = list(callback_early_stopping(patience = 3)))"


def draw(form: Draft, place: Any, *, continues: bool = False) -> None:
    """Draws code and text area, folded, beneath the live view.

    Args:
        form: The draft.
        place: The container to draw in.
        continues: True if the next run starts from the weights of an earlier one, which the code does not have.
    """
    with place, st.expander("**Code** the form in fitdash, Keras and R · paste a call", key="code"):
        if continues:
            st.caption(":orange[The next fit goes on from the weights of a run; this code begins with new ones.]")
        _mirror(form)
        _paste(form)


def _mirror(form: Draft) -> None:
    if form.problems or form.facts is None:
        st.caption("The code waits until what is marked in the form is set right.")
        return
    for tab, (kind, (write, filename, language, line)) in zip(st.tabs(list(KINDS)), KINDS.items(), strict=True):
        with tab:
            text = write(form.experiment, form.facts)
            st.code(text, language=language)
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.download_button(
                    f"Download {filename}",
                    data=text,
                    file_name=filename,
                    mime="text/plain",
                    key=f"download_code_{kind}",
                    icon=":material/download:",
                    on_click="ignore",
                )
                st.caption(line)


def _paste(form: Draft) -> None:
    """Draws the text area, what is understood of its text, and a button that fills the form with it."""
    text = st.text_area(
        "paste a call",
        key="code.paste",
        height=140,
        placeholder=EXAMPLE,
        help="A call of fit or compile, or a whole tutorial, in Python or R. It is read, never run.",
    )
    pasted = _read(text or "")
    if pasted.not_understood or pasted.says_something:
        _told(pasted)
    st.button(
        "Fill the form",
        key="code.fill",
        icon=":material/edit_note:",
        disabled=not pasted.says_something,
        help="What the call names is set; what a call of fit or compile does not name goes to its default.",
        on_click=_fill,
        args=[pasted, form.experiment],
    )


_read = lru_cache(64)(read_pasted)
"""Cached, because every change of the form reruns this with the same text."""


def _told(pasted: PastedSettings) -> None:
    """Draws what would be set, and every part of the text that is not understood."""
    words = understood(pasted)
    if words:
        st.markdown(f"**Understood** ({pasted.language}): {escape_markdown(' · '.join(words))}")
    if pasted.not_understood:
        lines = "\n".join(f"- {escape_markdown(sentence)}" for sentence in pasted.not_understood)
        st.markdown(f":orange[**Not understood:**]\n\n{lines}")
    if pasted.passed_over:
        st.caption(f"Passed over: {escape_markdown(', '.join(pasted.passed_over))}")


def understood(pasted: PastedSettings) -> list[str]:
    """Each setting that the pasted call sets, by its name in the form, with its value."""
    settings: Mapping[str, Any] = pasted.settings
    words = [f"{label_of(where)} {_word(value)}" for where, value in settings.items()]
    words += [args.kind for args in pasted.callbacks or ()]
    parts = [name for name in ("network", "compile", "fit") if name in pasted.sections]
    return words + ([f"{' and '.join(parts)}: all else at its default"] if parts else [])


def _word(value: Any) -> str:
    if not isinstance(value, Mapping):
        return format_value(value)
    return ", ".join(f"{key}: {format_value(one)}" for key, one in value.items())


def _fill(pasted: PastedSettings, experiment: Experiment) -> None:
    fill_form(pasted.applied(experiment))
