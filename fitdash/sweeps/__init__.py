"""Sweeps: many runs over a search space."""
