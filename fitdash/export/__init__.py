"""Exports an experiment as code for fitdash, Keras and R, and the files of a run."""
