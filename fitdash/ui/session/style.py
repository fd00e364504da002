"""CSS that Streamlit's theme cannot express; applied once on every page, before anything is drawn."""

import streamlit as st

from fitdash.ui.components.live_components import BROWSER, CHART_HEIGHT
from fitdash.ui.session import url_state
from fitdash.ui.session.streamlit_private import leave_pages_directory

# The theme's backgrounds: the bar that stays in place must cover what scrolls beneath it.
LIGHT, DARK = "#FBFBFD", "#11151C"
CSS = (
    """
<style>
[data-testid="stMainBlockContainer"] { max-width: 1800px; padding-left: 1.75rem; padding-right: 1.75rem; }
[data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"] { gap: 0.6rem; }
[data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"] > :has(.st-key-bar) {
  position: sticky; top: 3.75rem; z-index: 50; padding-bottom: 0.4rem;
  background: light-dark(PAPER_LIGHT, PAPER_DARK); }
.st-key-bar { gap: 0.35rem; }
.st-key-bar .st-key-plan button { min-height: 0; padding: 0.1rem 0.6rem; }
.st-key-bar button { padding-left: 0.5rem; padding-right: 0.5rem; }
.st-key-steer > [data-testid="stElementContainer"] { flex-basis: 6.1rem !important; }
.st-key-steer > .st-key-reset[data-testid="stElementContainer"] { flex-basis: 8.4rem !important; }
.st-key-steer button { width: 100% !important; }
.st-key-bar .st-key-seed { flex-basis: 5.2rem !important; }
.st-key-bar .st-key-start_from { flex-basis: 8.7rem !important; }
.st-key-bar .st-key-pace { flex-basis: 9.2rem !important; }
.st-key-plan { min-height: 3.6rem; }
.st-key-arguments summary p { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.st-key-arguments pre { white-space: pre-wrap; }
.st-key-log { flex-direction: column-reverse; justify-content: flex-start !important; }
.st-key-log > * { margin-bottom: auto; }
.st-key-log [data-testid="stCode"] pre { background: none; padding: 0; }
[data-testid="stSidebarHeader"]::before { content: "fitdash"; font-size: 1.15rem; font-weight: 650; margin: auto 0; }
[data-testid="stSidebar"] [data-testid="stExpander"] summary p { font-size: 0.92rem; }
[data-testid="stSidebar"] [data-testid="stExpander"] [data-testid="stVerticalBlock"] { gap: 0.75rem; }
[data-testid="stSidebar"] [class*="st-key-at-"] { gap: 0.1rem !important; }
[class*="st-key-at-"] [data-testid="stCaptionContainer"] { margin-bottom: 0; }
[class*="st-key-at-"] [data-testid="stCaptionContainer"] p { font-size: 0.8rem; line-height: 1.3; margin: 0; }
[class*="st-key-at-"] [data-testid="stCaptionContainer"]:has(strong) { opacity: 1; }
[class*="st-key-"][class*="handy"] button { min-height: 0; padding: 0 0.45rem; border-radius: 1rem; }
[class*="st-key-"][class*="handy"] button p { font-size: 0.78rem; }
[class*="st-key-vary"] p { font-size: 0.78rem; }
.st-key-above-form { justify-content: space-between; }
[data-testid="stSidebar"] [data-testid="stSliderThumbValue"] { display: none; }
.st-key-strip [data-testid="stCaptionContainer"] p { font-size: 0.8rem; line-height: 1.3; }
[class*="st-key-head-"] button { padding: 0; min-height: 0; }
[class*="st-key-head-"] button p { font-size: 0; }
[data-testid="stSidebar"] [data-testid="stFileUploaderDropzone"] { padding: 0.4rem 0.6rem; min-height: 0; }
[class*="st-key-chart-"] { min-height: CHART; }
[class*="st-key-chip-"] { padding: 0.35rem 0.75rem; }
[class*="st-key-chip-"] button { min-height: 0; padding: 0.1rem 0.6rem; }
@media (min-width: 1800px) {
  html { font-size: 17px !important; }
  [data-testid="stSidebar"][data-collapsed="false"] { min-width: 470px !important; }
}
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"] > :has(.st-key-bar) { position: static; }
  .st-key-steer > [data-testid="stElementContainer"] { flex: 1 1 30% !important; }
  .st-key-bar .st-key-seed { flex-basis: 4.2rem !important; }
  .st-key-bar .st-key-start_from { flex-basis: 8.4rem !important; }
  .st-key-bar .st-key-pace { flex: 1 1 6rem !important; }
  [data-testid="stMainBlockContainer"] { padding-left: 0.9rem; padding-right: 0.9rem; }
}
LIVE</style>
""".replace("PAPER_LIGHT", LIGHT)
    .replace("PAPER_DARK", DARK)
    .replace("CHART", CHART_HEIGHT)
    .replace("LIVE", (BROWSER / "live.css").read_text(encoding="utf-8"))
)


PROJECTOR = """
<style>
html { font-size: 21px !important; }
.st-key-log, .st-key-downloads, .st-key-arguments { display: none; }
@media (max-width: 1799px) { .st-key-bar, .st-key-options { zoom: 0.74; } }  /* the buttons stay in one row */
.st-key-plan { min-height: 0; }
.fitdash-values { font-size: 1.05rem; }
</style>
"""


AGAIN = "style.again"
"""Session key: the page has rerun once to go through the entry script."""


def apply_projector() -> None:
    """Large type and fewer elements around the charts, for a projector; lasts as long as every rerun calls it."""
    st.html(PROJECTOR)


def apply() -> None:
    """Writes the CSS of the page, after a rerun through the entry script if the page was opened without it."""
    _through_navigation()
    st.html(CSS)


def _through_navigation() -> None:
    """Reruns through `app.py` if a browser opened this page by its own URL on a new server.

    Streamlit takes a folder named pages for pages that stand alone until `st.navigation` has been called once; a second
    visitor may come before that.
    """
    stands_alone = not url_state.entry_has_run() and not st.session_state.get(AGAIN)
    if leave_pages_directory() or stands_alone:
        st.session_state[AGAIN] = True
        st.rerun()
