"""What tests of the engine share."""

import pytest

from fitdash.engine.recording.passes import peephole
from fitdash.engine.training import strategies


@pytest.fixture
def _records_short_fits(monkeypatch):
    """Fits of a few steps are recorded as well, and written like those of large layers."""
    monkeypatch.setattr(peephole, "LARGE", 0)
    monkeypatch.setattr(strategies, "LEAST_STEPS", 0)
    monkeypatch.setattr(strategies, "RARE", 0)
