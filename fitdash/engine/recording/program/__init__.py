"""The program of a recorded step: tracer, operation schemas, lines as text, and the TorchScript function of them."""
