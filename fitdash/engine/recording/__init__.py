"""One training step noted as a program and replayed many batches a call, with the bits of the eager step."""
