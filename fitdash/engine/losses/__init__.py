"""Losses: Keras' by name, torch.nn's, and the user's own; each gives one value a sample."""
