"""Files of weights, training state and predictions, each written whole or not at all."""
