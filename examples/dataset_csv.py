"""Train on a CSV file with a text column and a gap, where rare rows count more."""

import csv
import random

from torch import nn

import fitdash as fd

draw = random.Random(0)
with open("houses.csv", "w", newline="", encoding="utf-8") as file:
    rows = csv.writer(file)
    rows.writerow(["area", "rooms", "place", "price"])
    for count in range(200):
        area, place = draw.uniform(30, 200), draw.choice(["town", "town", "town", "country"])
        price = 2000 * area * (1.4 if place == "town" else 1.0) + draw.gauss(0, 10_000)
        rows.writerow([round(area, 1), "" if count == 7 else int(area // 25), place, round(price)])

data = fd.load_dataset("houses.csv", target="price")
print(data.line)

fd.set_random_seed(0)
train, held = data.hold_out(0.2)
x, y, weight = data.arrays(train=train, sample_weight="above(area, 150, 3)")
network = nn.Sequential(nn.Linear(x.shape[1], 32), nn.ReLU(), nn.Linear(32, 1))

model = fd.Model(network).compile("adam", loss="mse", metrics=["r2_score"])
history = model.fit(
    x[train], y[train], sample_weight=weight[train], validation_data=(x[held], y[held]), epochs=40, verbose=0
)
print(history)
