"""`Model`: a PyTorch module with the `compile`, `fit`, `evaluate` and `predict` of Keras; its summary."""
