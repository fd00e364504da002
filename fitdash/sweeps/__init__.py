"""Sweeps: many runs over a search space, repeats over seeds, and their results."""
