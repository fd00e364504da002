"""The Compare page: table of runs, actions, charts, repeats, downloads."""
