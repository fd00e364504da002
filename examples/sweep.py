"""Search learning rate and width; every trial is kept as a run, which the dashboard shows."""

import fitdash as fd

experiment = {
    "data": {"name": "iris"},
    "fit": {"epochs": 8, "validation_split": 0.2},
    "callbacks": [{"kind": "EarlyStopping", "patience": 3}],
}
space = {"compile.learning_rate": "1e-4..1e-1 log", "network.width": [8, 32]}

found = fd.sweep(experiment, space, trials=6, workers=0, name="iris, six trials")

print(found.frame().to_string(index=False))
print("best:", found.best.values)
