"""Losses and metrics of a compiled model, by output and with weights, and their running totals."""
