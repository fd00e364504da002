"""Stop early, lower the learning rate on a plateau, and run code of your own after each epoch."""

from torch import nn

import fitdash as fd
from fitdash import callbacks


class LargestWeight(callbacks.Callback):
    """Adds a number to the logs: the history and later callbacks see it like any metric."""

    def on_epoch_end(self, epoch, logs=None):
        logs["largest"] = max(float(part.detach().abs().max()) for part in self.model.module.parameters())


fd.set_random_seed(0)
x, y = fd.load_dataset("diabetes").arrays(validation_split=0.25)
network = nn.Sequential(nn.Linear(x.shape[1], 32), nn.ReLU(), nn.Linear(32, 1))

model = fd.Model(network).compile(fd.optimizers.adam(learning_rate=0.01), loss="mse", metrics=["mae"])
history = model.fit(
    x,
    y,
    epochs=60,
    validation_split=0.25,
    verbose=0,
    callbacks=[
        LargestWeight(),
        callbacks.ReduceLROnPlateau(patience=3, factor=0.5),
        callbacks.EarlyStopping(patience=10, restore_best_weights=True),
        callbacks.CSVLogger("history.csv"),
    ],
)

for event in history.events:
    print(event)
print(history.to_frame().tail(3).to_string(index=False))
