"""The page Train: the form in the sidebar, the action bar, and the live view of the run."""

import streamlit as st

from fitdash.ui.components.live_components import bind_keys
from fitdash.ui.run.live_view import live_view
from fitdash.ui.run.queue import queue_view
from fitdash.ui.session import style
from fitdash.ui.session.server_resources import announce_server, server_resources, warm_up
from fitdash.ui.train.action_bar import draw_action_bar
from fitdash.ui.train.variants import variants_view

style.apply()
goes_in, happens, as_code = (st.container() for _ in range(3))
with goes_in:
    draw_action_bar(server_resources(), as_code)
    queue_view(server_resources())
with happens:
    live_view(server_resources())
    variants_view(server_resources())
    with st.container(key="keys"):
        bind_keys()
warm_up()
announce_server()
