"""Callbacks of `fit`, the list that calls them, and the history."""
