"""Reads code that the visitor pastes as settings. Nothing is evaluated, nothing is run."""
