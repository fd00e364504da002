"""The recorded step as text: tracer, operations, lines and the TorchScript program made of them."""
