"""Metrics: Keras' by name, torchmetrics' and Keras' objects, and plain functions."""
