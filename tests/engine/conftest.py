"""What tests of the engine share."""

import pytest

from fitdash.engine import recorded_tidy, steppers


@pytest.fixture
def _records_short_fits(monkeypatch):
    """Fits of a few steps are recorded as well, and written like those of large layers."""
    monkeypatch.setattr(recorded_tidy, "LARGE", 0)
    monkeypatch.setattr(steppers, "LEAST_STEPS", 0)
    monkeypatch.setattr(steppers, "RARE", 0)
