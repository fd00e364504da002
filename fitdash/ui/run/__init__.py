"""One run on the page: curves, cursor, messages, controls, downloads."""
