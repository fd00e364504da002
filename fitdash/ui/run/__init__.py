"""One run on the page: curves, epoch cursor, messages, controls, queue, downloads."""
