"""Fits that are compared: the same one recorded and eagerly."""

from typing import Any

import torch

import fitdash as fd


class Fitted:
    """What a fit left behind, to be compared bit for bit."""

    def __init__(self, make: Any, x: Any, y: Any, *, eagerly: bool, **settings: Any) -> None:
        compiled = {name: settings.pop(name) for name in list(settings) if name in COMPILED}
        torch.manual_seed(3)
        module = make()
        self.model = fd.Model(module).compile(**{"optimizer": "adam", "loss": "mse", **compiled}, run_eagerly=eagerly)
        torch.manual_seed(4)
        callbacks = [make_callback() for make_callback in settings.pop("callbacks", [])]
        fits = settings.pop("fits", 1)
        for _ in range(fits):
            self.history = self.model.fit(
                x, y, **{"verbose": 0, "epochs": 4, "batch_size": 8, **settings}, callbacks=callbacks
            )
        self.speed = self.history.params["stepper"]
        self.state = {name: value.clone() for name, value in module.state_dict().items()}
        self.random = torch.get_rng_state()
        self.gradients = [parameter.grad for parameter in module.parameters()]
        self.kept = self.model.optimizer.state_dict()


COMPILED = ("optimizer", "loss", "metrics", "weighted_metrics", "loss_weights", "sample_weight_mode", "precision")


def both(make: Any, x: Any, y: Any, **settings: Any) -> tuple[Fitted, Fitted]:
    """The fit as fast as it gets, and eagerly."""
    return (
        Fitted(make, x, y, eagerly=False, **dict(settings)),
        Fitted(make, x, y, eagerly=True, **dict(settings)),
    )


def assert_same(ours: Fitted, theirs: Fitted) -> None:
    """Weights, buffers, history, gradients, the optimizer's account and the random stream have the same bits."""
    assert repr(ours.history.history) == repr(theirs.history.history)
    assert ours.history.epoch == theirs.history.epoch
    assert list(ours.state) == list(theirs.state)
    for name, value in ours.state.items():
        assert same_bits(value, theirs.state[name]), name
    for mine, other in zip(ours.gradients, theirs.gradients, strict=True):
        assert (mine is None) == (other is None)
        assert mine is None or same_bits(mine, other)
    assert repr(ours.kept["param_groups"]) == repr(theirs.kept["param_groups"])
    for place, slots in ours.kept["state"].items():
        for name, value in slots.items():
            assert not isinstance(value, torch.Tensor) or same_bits(value, theirs.kept["state"][place][name])
    assert torch.equal(ours.random, theirs.random)


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    dense = [t.detach().to_dense() if t.is_sparse else t.detach() for t in (a, b)]
    return torch.equal(*(t.contiguous().reshape(-1).view(torch.uint8) for t in dense))


def assert_recorded(make: Any, x: Any, y: Any, **settings: Any) -> None:
    """It is recorded, and equal to the eager fit."""
    ours, theirs = both(make, x, y, **settings)
    assert ours.speed == "recorded"
    assert theirs.speed.startswith("eager")
    assert_same(ours, theirs)


def assert_eager(make: Any, x: Any, y: Any, why: str = "", **settings: Any) -> None:
    """It stays eager, for this reason, and is equal to the fit that never tried."""
    ours, theirs = both(make, x, y, **settings)
    assert ours.speed.startswith("eager: the step ")
    assert why in ours.speed
    assert any(event["kind"] == "stepper" and why in event["reason"] for event in ours.history.events)
    assert_same(ours, theirs)
