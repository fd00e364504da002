"""Sweep: a search over settings."""

from fitdash.ui.session import style
from fitdash.ui.session.server_resources import announced, desk, warm_up
from fitdash.ui.sweep.progress_view import watch
from fitdash.ui.sweep.search_form import search

style.apply()
search(desk())
watch(desk())
warm_up()
announced()
