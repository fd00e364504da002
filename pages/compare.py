"""Compare: runs side by side."""

from fitdash.ui import style
from fitdash.ui.comparing.page import compare
from fitdash.ui.resources import announced, desk, warm_up

style.apply()
compare(desk())
warm_up()
announced()
