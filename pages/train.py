"""Train: what goes in on the left, what happens on the right."""

import streamlit as st

from fitdash.ui import style
from fitdash.ui.bar import draft
from fitdash.ui.live import live_view
from fitdash.ui.live_chart import live_keys
from fitdash.ui.queue import queue_view
from fitdash.ui.resources import announced, desk, warm_up
from fitdash.ui.together import together_view

style.apply()
goes_in, happens, as_code = (st.container() for _ in range(3))
with goes_in:
    draft(desk(), as_code)
    queue_view(desk())
with happens:
    live_view(desk())
    together_view(desk())
    with st.container(key="keys"):
        live_keys()
warm_up()
announced()
