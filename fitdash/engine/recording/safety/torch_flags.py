"""Flags of torch, random states of Python and NumPy, and the layout of tensors, as values that can be compared.

Example: a callback calls `torch.use_deterministic_algorithms(True)` at the end of an epoch. The entry of that flag,
`read_torch_flags()[7]`, goes from False to True, and the step is recorded anew. A generator that draws from the
operating system has no state to compare:

    self.dice = random.SystemRandom()                # "eager: the step draws from the system"
"""

import random
import zlib
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.backends import mha, opt_einsum

from fitdash.engine.recording.safety.bytecode import UnwatchableState

RANDOM_STATES = 2
"""Number of random states, Python's and NumPy's, at the beginning of the flags."""

_SETTINGS = (
    "num_threads",
    "deterministic_algorithms",
    "deterministic_algorithms_warn_only",
    "deterministic_fill_uninitialized_memory",
    "float32_matmul_precision",
    "default_device",
    "mkldnn_enabled",
    "mkldnn_deterministic",
    "onednn_allow_tf32",
    "nnpack_enabled",
    "cpu_allow_fp16_reduced_precision_reduction",
    "math_sdp_enabled",
    "flash_sdp_enabled",
    "mem_efficient_sdp_enabled",
    "overrideable_sdp_enabled",
    "cudnn_sdp_enabled",
    "sdp_priority_order",
    "math_sdp_allow_fp16_bf16_reduction",
    "cudnn_enabled",
    "cudnn_benchmark",
    "cudnn_deterministic",
    "cudnn_allow_tf32",
    "cublas_allow_tf32",
    "cublas_allow_fp16_reduced_precision_reduction",
    "cublas_allow_bf16_reduced_precision_reduction",
    "cublas_allow_fp16_accumulation",
    "graph_executor_optimize",
)
_READERS = [
    read
    for read in (getattr(torch._C, f"_get_{name}", getattr(torch._C, f"get_{name}", None)) for name in _SETTINGS)
    if read is not None
]
_PRECISION = getattr(torch._C, "_get_fp32_precision_getter", None)
_PRECISIONS = [(backend, what) for backend in ("mkldnn", "cuda") for what in ("all", "matmul", "conv", "rnn")]
_LEAST, _ONE = 5e-324, 1.0


def read_torch_flags() -> list[Any]:
    """Random states of Python and NumPy, and the flags of torch that decide about bits."""
    return [
        hash(random.getstate()),
        generator_state(np.random.mtrand._rand),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        *[read() for read in _READERS],
        *([_PRECISION(*place) for place in _PRECISIONS] if _PRECISION else []),
        opt_einsum.enabled,
        opt_einsum.strategy,
        mha._is_fastpath_enabled,
        _LEAST * _ONE == 0.0,  # True if subnormal numbers are flushed to 0
        id(nn.Module.__call__),
        id(nn.Module._call_impl),
    ]


def tensor_layout(tensor: torch.Tensor) -> tuple[Any, ...]:
    """Address, shape, strides and dtype of a parameter or buffer, and whether it is trained; never its values.

    Raises:
        UnwatchableState: it is not dense.
    """
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested:
        raise UnwatchableState("has a tensor that is not dense")
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor.requires_grad


def generator_state(value: Any) -> Any:
    """The state of a random generator; None for other objects.

    Raises:
        UnwatchableState: it draws from the operating system.
    """
    kind = type(value)
    if issubclass(kind, random.SystemRandom):
        raise UnwatchableState("draws from the system")
    if issubclass(kind, random.Random):
        return hash(random.Random.getstate(value))
    if issubclass(kind, np.random.RandomState):
        name, keys, *rest = value.get_state(legacy=True)
        return name, zlib.crc32(np.asarray(keys).tobytes()), tuple(rest)
    if issubclass(kind, np.random.Generator):
        return str(value.bit_generator.state)
    if issubclass(kind, (np.random.BitGenerator, np.random.SeedSequence)):
        return str(value.state)
    if issubclass(kind, torch.Generator):
        return zlib.crc32(value.get_state().numpy().tobytes())
    return None
