"""The page Sweep: a search over settings."""

from fitdash.ui.session import style
from fitdash.ui.session.server_resources import announce_server, server_resources, warm_up
from fitdash.ui.sweep.progress_view import sweep_view
from fitdash.ui.sweep.search_form import search_view

style.apply()
search_view(server_resources())
sweep_view(server_resources())
warm_up()
announce_server()
