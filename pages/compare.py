"""The page Compare: runs side by side."""

from fitdash.ui.compare.page import compare_view
from fitdash.ui.session import style
from fitdash.ui.session.server_resources import announce_server, server_resources, warm_up

style.apply()
compare_view(server_resources())
warm_up()
announce_server()
