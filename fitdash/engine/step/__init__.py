"""One step, on one batch: forward, loss, backward and update; devices; what becomes of predictions."""
