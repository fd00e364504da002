"""Optimizers: the update rules of Keras by name, on torch tensors; those of torch.optim are used unchanged."""
