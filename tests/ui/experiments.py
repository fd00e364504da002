"""Experiments by chance, within what the declaration allows."""

from fitdash.settings.callbacks import CALLBACKS
from fitdash.settings.declaration import settings_of
from fitdash.settings.experiment import SECTIONS, Experiment
from fitdash.settings.layers import LAYERS
from fitdash.settings.network import NetworkArgs
from fitdash.settings.validation_data import HoldOut

NOT_DRAWN = ("content", "filename", "target", "features", "sample_weight", "monitor", "filepath")
UNSET = ("verbose", "view_metrics")  # at the library's option they are not set


def drawn(dice):
    """An experiment whose settings are at their defaults or, by chance, anything legal else."""
    parts = {name: _settings(cls, dice) for name, cls in SECTIONS.items()}
    if parts["network"].kind == "layers":
        kinds = dice.choices(list(LAYERS), k=dice.randint(0, 5))
        parts["network"] = NetworkArgs(kind="layers", layers=tuple(_settings(LAYERS[kind], dice) for kind in kinds))
    kinds = dice.sample(list(CALLBACKS), dice.randint(0, 3))
    callbacks = tuple(_settings(CALLBACKS[kind], dice) for kind in kinds)
    return Experiment(**parts, callbacks=callbacks, seed=dice.randint(0, 99))


def _settings(cls, dice):
    chosen = {
        name: value(setting, dice)
        for name, setting in settings_of(cls).items()
        if name not in (*NOT_DRAWN, *UNSET) and dice.random() < 0.4
    }
    return cls(**chosen)


def value(setting, dice):
    """A legal value of one setting."""
    if setting.optional and dice.random() < 0.2:
        return setting.default
    if setting.base == "settings":
        return HoldOut(kind=dice.choice(("stratified", "random", "last")), share=0.01 * dice.randint(1, 99))
    if setting.base == "weights":
        return {key: 0.5 * dice.randint(2, 9) + 0.25 for key in range(dice.randint(1, 4))}
    if setting.base == "names":
        known = setting.choices or setting.arg.choices
        return (
            tuple(dice.sample([name for name in known if name not in setting.words], 2)) if known else setting.default
        )
    if setting.choices:
        return dice.choice(setting.choices)
    low, high = setting.arg.soft or (0, 1)
    if setting.listed and dice.random() < 0.5:
        return tuple(sorted(dice.sample(range(1, 30), 3)))
    if setting.base == "int":
        return dice.randint(int(max(low, 1)), int(high))
    if setting.base == "float":
        return round(dice.uniform(low, high), 4) or setting.default
    return setting.default
