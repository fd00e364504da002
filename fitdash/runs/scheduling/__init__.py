"""Threads and processes that train runs, their queue, and the settings of the server."""
