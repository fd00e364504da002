"""Calls that somebody pastes, read as settings. Nothing is evaluated, nothing is run."""
