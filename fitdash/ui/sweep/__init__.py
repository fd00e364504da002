"""The Sweep page: search form, progress, charts, table of trials."""
