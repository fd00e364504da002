"""`Model`: a PyTorch module with Keras' `compile`, `fit`, `evaluate` and `predict`; and the live page of its fits."""
