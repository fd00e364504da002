"""From a CSV file or a data set's name to arrays: reader, encoders, hold-out, row weights, checks of the data."""
