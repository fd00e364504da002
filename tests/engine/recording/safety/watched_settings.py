"""Settings of a package that modules read while they compute."""

import time  # noqa: F401

scale = 1.0
