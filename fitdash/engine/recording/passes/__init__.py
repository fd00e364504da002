"""Passes over a recorded program that keep every bit of its results; each module shows an example before and after."""
