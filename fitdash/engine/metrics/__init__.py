"""Metrics: those of Keras by name, metric objects of torchmetrics and Keras, and plain functions."""
