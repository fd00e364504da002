"""One batch: forward, loss, backward, update; where it runs and what it gives."""
