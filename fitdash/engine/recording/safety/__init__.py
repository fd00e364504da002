"""Checks that decide whether a step may be recorded, and whether the state that it read has changed since."""
