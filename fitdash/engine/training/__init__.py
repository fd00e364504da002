"""A fit from its arguments to its epochs: checks, preparation, the training loop, strategies for an epoch's batches."""
