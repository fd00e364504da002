"""Compare: runs side by side."""

from fitdash.ui.compare.page import compare
from fitdash.ui.session import style
from fitdash.ui.session.server_resources import announced, desk, warm_up

style.apply()
compare(desk())
warm_up()
announced()
