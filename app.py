"""Entry script of the dashboard: `streamlit run app.py`, or just `fitdash`."""

import streamlit as st

from fitdash.ui.session import url_state

url_state.keep_query_params()  # before the slow imports of a server that has just started

from fitdash.ui.session.identity import remember_visitor  # noqa: E402
from fitdash.ui.session.server_resources import server_resources  # noqa: E402

st.set_page_config(page_title="fitdash", page_icon="📈", layout="wide", initial_sidebar_state=400)

PAGES = [
    st.Page("pages/train.py", title="Train", default=True),
    st.Page("pages/compare.py", title="Compare"),
    st.Page("pages/sweep.py", title="Sweep"),
]
st.navigation(PAGES, position="top").run()
url_state.forget_used_query_params()
remember_visitor(server_resources())
