"""The schema of a tensor operation, and whether its calls can be repeated; cached, since reading it takes its time."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

VIEWS_IN_PLACE = frozenset({"t_", "transpose_", "squeeze_", "unsqueeze_", "as_strided_"})
SHAPED_BY_DATA = frozenset({"_pack_padded_sequence", "bincount", "histc_"})
OTHERWISE_UNWATCHED = frozenset({"_linalg_svd", "_linalg_eigh", "linalg_eig", "prod", "cumprod"})
"""Operations that torch computes by other kernels, with other last bits, under a mode that observes every operation.

The first three stand for `svdvals`, `eigvalsh` and `eigvals`; the gradients of the others use code without branches
then, and so does that of `masked_fill` with a tensor.
"""


@dataclass(frozen=True, kw_only=True)
class OpSchema:
    """One overload of one of torch's operations.

    Attributes:
        name: Its name without the namespace.
        kinds: Types of its arguments, in their order; by_name: by name.
        written: Indices and names of the arguments that it writes into.
        changes: True if there are any.
        is_otherwise: True if torch computes it by another kernel under a mode.
        shaped_by_data: True if the shape of its result depends on values.
        draws: True if it may draw random numbers.
        why_not: Why no call of it can be repeated; None if some can.
    """

    name: str
    kinds: tuple[Any, ...]
    by_name: dict[str, Any]
    written: tuple[tuple[int, str], ...]
    changes: bool
    is_otherwise: bool
    shaped_by_data: bool
    draws: bool
    why_not: str | None


def why_not_repeatable(func: Any, args: Sequence[Any]) -> str | None:
    """Why a call cannot be repeated: it reads a value, or its shape depends on one. None if it can."""
    operation = op_schema_of(func)
    if operation.why_not is not None:
        return operation.why_not
    if operation.shaped_by_data:
        masks = [i for i in (args[1] if operation.name == "index" else ()) if i is not None and i.dtype in _MASKS]
        if operation.name != "index" or masks:
            return f"calls {func}, whose shape depends on the data"
    return None


_MASKS = (torch.bool, torch.uint8)


@functools.lru_cache(maxsize=4096)
def op_schema_of(func: Any) -> OpSchema:
    """The schema of one of torch's overloads."""
    schema, tags = func._schema, func.tags
    arguments, name = list(schema.arguments), schema.name.partition("::")[2]
    writes = [argument.alias_info is not None and argument.alias_info.is_write for argument in arguments]
    is_otherwise = name in OTHERWISE_UNWATCHED or (name, schema.overload_name) == ("masked_fill", "Tensor")
    why = None
    if func.namespace != "aten" or torch.Tag.data_dependent_output in tags:
        why = f"calls {func}"
    elif is_otherwise:
        why = f"calls {func}, which takes another way while it is noted"
    elif torch.Tag.inplace_view in tags and name not in VIEWS_IN_PLACE:
        why = f"changes a tensor's memory by {func}"
    return OpSchema(
        name=name,
        kinds=tuple(argument.type for argument in arguments),
        by_name={argument.name: argument.type for argument in arguments},
        written=tuple((i, argument.name) for i, argument in enumerate(arguments) if writes[i]),
        changes=schema.is_mutable,
        is_otherwise=func.namespace == "aten" and is_otherwise,
        shaped_by_data=name in SHAPED_BY_DATA or torch.Tag.dynamic_output_shape in tags,
        draws=torch.Tag.nondeterministic_seeded in tags,
        why_not=why,
    )
