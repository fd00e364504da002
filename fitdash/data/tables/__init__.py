"""From a file or a name to arrays: reader, encoders, hold-out, weights of rows, checks of the data."""
