"""Train a small network on arrays, and look at what came of it."""

import numpy as np
from torch import nn

import fitdash as fd

fd.set_random_seed(0)
x, y = fd.load_dataset("iris").arrays(validation_split=0.2)
network = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(dim=1))

model = fd.Model(network).compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, batch_size=16, epochs=30, validation_split=0.2, class_weight={0: 1.0, 1: 2.0}, verbose=2)

print(history)
print("stepper:", history.params["stepper"])
print("predicted:", np.bincount(model.predict_classes(x), minlength=3), "of the classes 0, 1, 2")
