"""Sweep: a search over settings."""

from fitdash.ui import style
from fitdash.ui.resources import announced, desk, warm_up
from fitdash.ui.sweeping.search import search
from fitdash.ui.sweeping.watch import watch

style.apply()
search(desk())
watch(desk())
warm_up()
announced()
