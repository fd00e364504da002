"""`fit` from its arguments to its epochs: checks, preparation, the loop, and how an epoch's batches are trained."""
