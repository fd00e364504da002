"""Several networks of one shape trained in one program, each with its own data order and random numbers."""
