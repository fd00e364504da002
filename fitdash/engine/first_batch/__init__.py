"""What is checked with the first batch of a fit, before its update: outputs, targets, loss and gradients."""
