"""Training: what `fit`, `evaluate` and `predict` do between their arguments and what they return.

What a step means is in `steps` (one batch), with `objective` (losses and metrics), `optimizers` and `loop` (epochs,
validation, callbacks) around it; these alone decide what comes out. How the same is done faster is apart from that:
`steppers` chooses a way for each fit, `guards` say when a step may be recorded, `recorded` and the modules that begin
so note it and replay it with the same bits, `captured` is their like on CUDA, `wide` evaluates in larger batches, and
`ensemble` trains several networks at once.
"""
