"""Whether a step may be recorded, and whether what it read has changed since."""
