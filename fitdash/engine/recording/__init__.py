"""One training step recorded as a program and replayed for many batches per call, with the bits of the eager step."""
