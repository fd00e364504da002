"""Rewrites of a recorded program that keep every bit: each pass says what it shortens, with an example."""
