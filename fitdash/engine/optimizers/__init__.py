"""Optimizers: Keras' rules by name on torch tensors, and torch.optim's as they are."""
