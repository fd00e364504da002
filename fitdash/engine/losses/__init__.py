"""Losses: those of Keras by name, those of torch.nn, and the user's functions; each gives one value per sample."""
