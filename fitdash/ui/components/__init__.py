"""Pieces of the page that need JavaScript, and the scripts and styles they bring."""
