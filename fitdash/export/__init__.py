"""An experiment as code: fitdash, Keras and R."""
