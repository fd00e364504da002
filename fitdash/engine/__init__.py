"""The training engine: what `fit`, `evaluate` and `predict` do between their arguments and their results.

What is computed stands in `step` (one batch), `objective` (losses and metrics of a model), `losses`, `metrics`,
`optimizers`, `callbacks` and `training` (epochs, validation, strategies). `recording` notes one step as a program and
replays it with the same bits; `ensemble` trains several networks in one program.
"""
