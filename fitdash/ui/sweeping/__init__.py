"""The Sweep page: a search over settings, watched while it goes on."""
