"""Events of a run, messages between processes, the control of a run, and paths."""
