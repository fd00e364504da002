"""What travels: events, messages between processes, control of a run, paths."""
