"""Train: what goes in on the left, what happens on the right."""

import streamlit as st

from fitdash.ui.components.live_components import live_keys
from fitdash.ui.run.live_view import live_view
from fitdash.ui.run.queue import queue_view
from fitdash.ui.session import style
from fitdash.ui.session.server_resources import announced, desk, warm_up
from fitdash.ui.train.action_bar import draft
from fitdash.ui.train.variants import together_view

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
