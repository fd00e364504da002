"""Experiments that are written as code: every kind of data, every callback, every way to hold rows out."""

from fitdash.data.tables.upload import save_upload
from fitdash.settings.callbacks import (
    CSVLoggerArgs,
    EarlyStoppingArgs,
    LearningRateSchedulerArgs,
    ModelCheckpointArgs,
    ReduceLROnPlateauArgs,
    TerminateOnNaNArgs,
)
from fitdash.settings.compile import OPTIMIZERS, CompileArgs
from fitdash.settings.dataset import BUNDLED, MADE, DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.layers import (
    ActivationArgs,
    BatchNormalizationArgs,
    ConvolutionArgs,
    DenseArgs,
    DropoutArgs,
    FlattenArgs,
    GruArgs,
    LayerNormalizationArgs,
    LstmArgs,
    PoolingArgs,
)
from fitdash.settings.network import NetworkArgs
from fitdash.settings.validation_data import HoldOut

SMALL = NetworkArgs(width=6, depth=1)


def listed(*layers):
    """A network of these layers."""
    return NetworkArgs(kind="layers", layers=layers)


LISTED = {
    "listed_table": (
        "iris",
        listed(
            DenseArgs(units=7, activation="tanh"), DropoutArgs(rate=0.25), LayerNormalizationArgs(), DenseArgs(units=4)
        ),
    ),
    "listed_batches": (
        "wine",
        listed(DenseArgs(units=6, activation="linear"), BatchNormalizationArgs(momentum=0.8), ActivationArgs()),
    ),
    "listed_batches_first": ("iris", listed(BatchNormalizationArgs())),
    "listed_nothing": ("iris", listed()),
    "listed_image": (
        "digits",
        listed(
            ConvolutionArgs(filters=3, kernel_size=5),
            BatchNormalizationArgs(),
            PoolingArgs(),
            ConvolutionArgs(filters=4, kernel_size=2, padding="valid", activation="gelu"),
            FlattenArgs(),
            DenseArgs(units=8),
        ),
    ),
    "listed_flat_image": ("digits", listed(FlattenArgs(), DenseArgs(units=5, activation="silu"))),
    "listed_steps": (
        "regimes",
        listed(DenseArgs(units=3), GruArgs(units=4), LayerNormalizationArgs(), DropoutArgs(rate=0.1), GruArgs(units=3)),
    ),
    "listed_memory": ("regimes", listed(LstmArgs(units=4), ActivationArgs(activation="elu"))),
}


def recipe(data="iris", network=SMALL, compile=None, callbacks=(), seed=3, **fit):
    """A small experiment."""
    return Experiment(
        data=data if isinstance(data, DatasetArgs) else DatasetArgs(name=data),
        network=network,
        compile=compile or CompileArgs(),
        fit=FitArgs(**{"epochs": 3, "batch_size": 16, "verbose": 0} | fit),
        callbacks=callbacks,
        seed=seed,
    )


def table(rows=60):
    """A CSV file with gaps, words, a column of weights and a column that is empty."""
    lines = [
        f"{'' if i % 7 == 0 else i * 0.37},{'red' if i % 3 else 'blue'},,{i % 4 + 1},{'ab'[(i * i + i // 5) % 2]}"
        for i in range(rows)
    ]
    return "size,colour,nothing,weight,kind\n" + "\n".join(lines) + "\n"


def upload(folder, **settings):
    """The file, kept as the page keeps it."""
    content = save_upload(table().encode(), folder, "my data.csv")
    return DatasetArgs(name="upload", content=content, filename="my data.csv", **settings)


def second(folder, **settings):
    """A second file to validate on, kept as the page keeps it; it has no weights of the first one's kind."""
    content = save_upload(HELD.encode(), folder, "held.csv")
    return HoldOut(kind="upload", content=content, filename="held.csv", **settings)


def weights(folder, rows=60, steps=1):
    """A file of weights, kept as the page keeps it, as a sample_weight."""
    text, name = weights_text(rows, steps), f"weights {rows} {steps}.csv"
    content = save_upload(text.encode(), folder, name, least_columns=1)
    return f"upload{'_steps' * (steps > 1)}({name}, {content})"


def weights_text(rows=60, steps=1):
    """One row for each row of the data."""
    lines = [",".join(str((row + step) % 5 / 4) for step in range(steps)) for row in range(rows)]
    return "\n".join([",".join(f"w{step}" for step in range(steps)), *lines]) + "\n"


HELD = "colour,size,nothing,weight,kind,clarity\nred,1.5,,2,a,1\nblue,3,,1,b,0.5\ngreen,,,3,a,2\n"

FILES = {
    "my data.csv": table(),
    "held.csv": HELD,
    "weights 60 1.csv": weights_text(),
    "weights 20 30.csv": weights_text(20, 30),
}
"""What scripts find beside them."""


def recipes(uploads):
    """By name."""
    net = NetworkArgs(width=5, depth=3, activation="tanh", dropout=0.3)
    mine = upload(uploads)
    return {
        **{name: recipe(name, epochs=2, validation_split=0.2) for name in (*BUNDLED, *MADE)},
        "sequences": recipe("regimes", validation_split=0.2, class_weight={1: 2.0}),
        "steps_weighed": recipe(
            "regimes",
            network=NetworkArgs(kind="gru", width=4, depth=2),
            compile=CompileArgs(sample_weight_mode="temporal", weighted_metrics=("accuracy",), clipnorm=0.5),
            sample_weight="ramp",
            validation_data=HoldOut(kind="random"),
        ),
        "step_by_step": recipe("regimes", network=NetworkArgs(kind="mlp", width=4), sample_weight="clarity"),
        "images": recipe("digits", network=NetworkArgs(kind="cnn", width=3, depth=3), epochs=2, validation_split=0.2),
        "flat_image": recipe("digits", network=NetworkArgs(kind="cnn", depth=0), epochs=1),
        "halves": recipe("digits_halves", epochs=2, validation_data=HoldOut(), class_weight="balanced"),
        "halves_flat": recipe("digits_halves", network=NetworkArgs(depth=0), epochs=1, steps_per_epoch=4),
        "heads": recipe(
            "linnerud",
            network=NetworkArgs(width=5, depth=2),
            compile=CompileArgs(loss_weights={"Waist": 3.0}, global_clipnorm=0.1, metrics=("mae",)),
            validation_data=HoldOut(kind="last", share=0.3),
        ),
        "heads_flat": recipe("linnerud", network=NetworkArgs(depth=0), validation_split=0.25),
        "long_memory": recipe("regimes", network=NetworkArgs(kind="lstm", width=4, depth=1), epochs=2),
        **{
            # A batch of all rows leaves none of one row.
            name: recipe(data, network=network, epochs=2, batch_size=64, validation_split=0.2)
            for name, (data, network) in LISTED.items()
        },
        "listed_upload": recipe(
            mine, network=listed(LayerNormalizationArgs(), DenseArgs(units=4)), validation_split=0.2
        ),
        "rows_held": recipe(validation_data=HoldOut(kind="last", rows=21, share=0.5)),
        "file_held": recipe(mine, validation_data=second(uploads)),
        "file_weighs": recipe(
            mine,
            validation_data=second(uploads, sample_weight="clarity"),
            sample_weight="weight",
            class_weight="balanced",
        ),
        "defaults": Experiment(data=DatasetArgs(name="iris")),
        "toy_settings": recipe(DatasetArgs(name="spiral", samples=200, noise=0.3, classes=4, order="sorted")),
        "upload": recipe(mine, validation_data=HoldOut(share=0.25)),
        "upload_weights": recipe(mine, sample_weight="weight", validation_data=HoldOut(kind="random")),
        "upload_weights_split": recipe(mine, sample_weight="weight", validation_split=0.3, class_weight={1: 2.0}),
        "weighed_by_file": recipe(mine, sample_weight=weights(uploads), validation_split=0.3),
        "weighed_by_file_held": recipe(mine, sample_weight=weights(uploads), validation_data=second(uploads)),
        "weighed_by_word": recipe(mine, sample_weight="equal(colour, red, 0.5)", validation_data=HoldOut()),
        "weighed_by_rarity": recipe(mine, sample_weight="rarity(colour)", validation_split=0.2),
        "weighed_by_order": recipe(sample_weight="recency()", class_weight={0: 2.0}, validation_split=0.2),
        "weighed_by_place": recipe(sample_weight="recency(petal length (cm))", validation_data=HoldOut()),
        "weighed_by_threshold": recipe(sample_weight="above(petal length (cm), 4, 3)"),
        "weighed_by_inverse": recipe("diabetes", sample_weight="inverse(age)", validation_data=HoldOut()),
        "weighed_by_square": recipe(sample_weight="square(sepal width (cm))"),
        "weighed_last_steps": recipe("regimes", sample_weight="last_steps(3)", validation_data=HoldOut(kind="random")),
        "weighed_steps_by_file": recipe(
            DatasetArgs(name="regimes", samples=20), sample_weight=weights(uploads, 20, 30)
        ),
        "upload_number": recipe(
            upload(uploads, target="weight", features=("colour", "size"), task="regression"),
            validation_data=HoldOut(kind="stratified"),
        ),
        "features": recipe(DatasetArgs(name="wine", features=("alcohol", "hue")), validation_split=0.1),
        **{f"held_{kind}": recipe(validation_data=HoldOut(kind=kind, share=0.3)) for kind in ("random", "last")},
        "held_numbers": recipe("diabetes", validation_data=HoldOut()),
        "balanced_held": recipe(class_weight="balanced", validation_data=HoldOut()),
        "balanced_split": recipe(DatasetArgs(name="wine"), class_weight="balanced", validation_split=0.25),
        "weights": recipe(class_weight={0: 0.5, 2: 3.0}),
        "dropout": recipe("moons", network=net, validation_split=0.2),
        "linear": recipe(network=NetworkArgs(depth=0)),
        "bends": recipe(network=NetworkArgs(width=4, depth=1, activation="gelu")),
        "steps": recipe(steps_per_epoch=4, validation_split=0.2, validation_steps=1, validation_batch_size=7),
        "order": recipe(shuffle="batch", validation_freq=(1, 3), validation_split=0.3),
        "no_order": recipe(shuffle=False, initial_epoch=1, epochs=4, batch_size=None),
        **{f"optimizer_{name}": recipe(compile=CompileArgs(optimizer=name)) for name in OPTIMIZERS},
        "optimizer_set": recipe(
            compile=CompileArgs(optimizer="sgd", learning_rate=0.05, momentum=0.9, weight_decay=0.01)
        ),
        "one_hot": recipe(compile=CompileArgs(loss="categorical_crossentropy", metrics=("acc", "precision", "auc"))),
        "hinge": recipe("moons", compile=CompileArgs(loss="hinge", metrics=())),
        "crossentropy": recipe("moons", compile=CompileArgs(loss="crossentropy", metrics=("ce", "accuracy"))),
        "short_names": recipe("diabetes", compile=CompileArgs(loss="mae", metrics=("mse", "mape"))),
        **{name: recipe(epochs=5, validation_split=0.2, callbacks=callbacks) for name, callbacks in CALLED.items()},
    }


CALLED = {
    "early": (EarlyStoppingArgs(monitor="loss", mode="max", patience=1, restore_best_weights=True, verbose=1),),
    "plateau": (ReduceLROnPlateauArgs(monitor="loss", mode="max", patience=0, factor=0.5, min_lr=0.0001),),
    "files": (
        ModelCheckpointArgs(filepath="{epoch:02d}-{val_loss:.2f}.pt", save_best_only=True),
        CSVLoggerArgs(filename="numbers.csv", separator="\t"),
        TerminateOnNaNArgs(),
    ),
    "cosine": (LearningRateSchedulerArgs(),),
    "linear_course": (LearningRateSchedulerArgs(schedule="linear", factor=0),),
    "warmup": (LearningRateSchedulerArgs(schedule="warmup", every=3, verbose=1), ReduceLROnPlateauArgs(patience=1)),
    "steps_down": (
        LearningRateSchedulerArgs(schedule="step", every=2, factor=0.3),
        LearningRateSchedulerArgs(schedule="exponential", every=3),
    ),
}
