"""A network as a list of layers: a preset as one, plain data and back, batches that normalization cannot use."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from fitdash.settings.batch_size import single_sample_batch
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import describe_unknown_name
from fitdash.settings.fit import FitArgs
from fitdash.settings.layers import (
    LAYERS,
    BatchNormalizationArgs,
    ConvolutionArgs,
    DenseArgs,
    DropoutArgs,
    FlattenArgs,
    GruArgs,
    LayerArgs,
    LstmArgs,
    PoolingArgs,
)
from fitdash.settings.network import (
    LAYER_LIST,
    MOST_LAYERS,
    NetworkArgs,
    layers_in,
    pooled_sizes,
    resolved_network_kind,
)
from fitdash.settings.network_shape import NetworkShape, shape_of
from fitdash.settings.plan import plan_of
from fitdash.settings.serialization import settings_from_plain, to_plain
from fitdash.settings.type_checks import short_repr


def as_layer_list(network: NetworkArgs, shape: DataFacts | NetworkShape | None) -> NetworkArgs | None:
    """The same network as a list of layers, with the same initial weights; None if it cannot be one."""
    kind = resolved_network_kind(network.kind, shape)
    if kind == LAYER_LIST:
        return network
    if kind not in ("mlp", "cnn", "gru", "lstm"):
        return None
    silenced = [DropoutArgs(rate=network.dropout)] if network.dropout else []
    layers: list[LayerArgs] = []
    if kind == "cnn":
        size = shape.image if shape is not None and shape.image else (1, 1)
        for after in pooled_sizes(size, network.depth):
            layers += [ConvolutionArgs(filters=network.width, activation=network.activation), *silenced]
            layers += [PoolingArgs()] if after != size else []
            size = after
        layers.append(FlattenArgs())
    else:
        bent: LayerArgs = DenseArgs(units=network.width, activation=network.activation)
        recurrent: dict[str, LayerArgs] = {"gru": GruArgs(units=network.width), "lstm": LstmArgs(units=network.width)}
        layers = [recurrent.get(kind, bent), *silenced] * network.depth
    return NetworkArgs(kind=LAYER_LIST, layers=tuple(layers)) if len(layers) <= MOST_LAYERS else None


def to_plain_network(network: Any) -> Any:
    """The settings as plain data; `layers` is left out if it is empty."""
    plain = to_plain(network)
    if isinstance(network, NetworkArgs):
        layers = [{"kind": args.kind} | to_plain(args) for args in network.layers]
        plain = {name: value for name, value in plain.items() if name != "layers"}
        plain |= {"layers": layers} if layers else {}
    return plain


def network_from_plain(plain: Any, complaints: list[str]) -> Any:
    """The settings that `to_plain_network` wrote.

    Args:
        plain: What was read.
        complaints: Receives a sentence for each unknown name, and for settings that are not a table.
    """
    if not isinstance(plain, Mapping):
        return settings_from_plain(NetworkArgs, plain, "network", complaints)
    rest = {name: value for name, value in plain.items() if name != "layers"}
    network = settings_from_plain(NetworkArgs, rest, "network", complaints)
    listed = plain.get("layers", ())
    if not isinstance(listed, list | tuple):
        complaints.append(f"network.layers must be a list, got {short_repr(listed)}.")
        return network
    layers = tuple(_layer_from(one, f"network.layers.{place}", complaints) for place, one in enumerate(listed))
    return replace(network, layers=layers) if isinstance(network, NetworkArgs) else network


def _layer_from(plain: Any, where: str, complaints: list[str]) -> Any:
    kind = plain.get("kind") if isinstance(plain, Mapping) else None
    if not isinstance(kind, str) or kind not in LAYERS:
        complaints.append(
            describe_unknown_name(f"layer at {where},", kind if kind is not None else plain, tuple(LAYERS))
        )
        return None
    return settings_from_plain(LAYERS[kind], {k: v for k, v in plain.items() if k != "kind"}, where, complaints)


def batch_faults(network: NetworkArgs, fit: FitArgs, facts: DataFacts) -> Iterator[tuple[str, str]]:
    """Batches of one sample, for which batch normalization has no variance."""
    plan = plan_of(fit, facts)
    which = single_sample_batch(plan.train_rows, plan.batch_size)
    if network.kind != LAYER_LIST or which is None:
        return
    for place, one in enumerate(layers_in(network, shape_of(facts))):
        if isinstance(one.args, BatchNormalizationArgs) and math.prod(one.before[1:]) == 1:
            rule = "BatchNormalization must get batches of two samples or more"
            yield f"network.layers.{place}", f"{rule}. {which} batch has 1. Set another batch_size."
