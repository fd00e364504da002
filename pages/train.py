"""Train: what goes in on the left, what happens on the right."""

from fitdash.ui import style
from fitdash.ui.bar import draft
from fitdash.ui.live import live_view
from fitdash.ui.resources import announced, desk, warm_up

style.apply()
draft(desk())
live_view(desk())
warm_up()
announced()
