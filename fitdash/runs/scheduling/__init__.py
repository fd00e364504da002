"""Threads and processes: which run trains when and where, with which limits."""
