"""Files of tensors and plain values, without pickle."""

import math
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save

from fitdash.errors import StoreError
from fitdash.runs.checkpoints.tensor_file import pack, read_facts, unpack


def through(tmp_path, content, **facts):
    path = tmp_path / "a.safetensors"
    path.write_bytes(pack(content, facts))
    return unpack(path)


@pytest.mark.parametrize(
    "content",
    [
        None,
        {"state": {0: {"step": 3}}, "groups": [{"betas": (0.9, 0.999), "lr": 0.1, "on": True, "why": None}]},
        {(1, "a"): [], "é": {}},
        [2**70, 0.1 + 0.2, -math.inf],
    ],
)
def test_plain_values_come_back_as_they_were(tmp_path, content):
    assert through(tmp_path, content) == content


def test_a_number_of_numpy_comes_back_as_a_number(tmp_path):
    assert through(tmp_path, [np.float32(0.5), np.int64(3)]) == [0.5, 3]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool])
def test_tensors_of_every_kind_come_back_bit_for_bit(tmp_path, dtype):
    tensor = torch.arange(-3, 9).reshape(3, 4).to(dtype)

    back = through(tmp_path, {"w": tensor, "scalar": tensor[0, 0], "none": tensor[:0]})

    assert back["w"].dtype == dtype
    assert torch.equal(back["w"], tensor)
    assert back["scalar"].shape == ()
    assert back["none"].shape == (0, 4)


def test_strides_and_ties_come_back(tmp_path):
    image = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)

    back = through(tmp_path, {"a": image, "b": image, "t": torch.randn(3, 4).t()})

    assert back["a"] is back["b"]
    assert back["a"].stride() == image.stride()
    assert torch.equal(back["a"], image)
    assert back["t"].stride() == (1, 4)


def test_facts_are_read_without_the_tensors(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(pack(torch.zeros(1000), {"epoch": 3, "value": None})[:-1000])

    assert read_facts(path) == {"epoch": 3, "value": None}


def test_what_is_neither_tensor_nor_plain_is_refused():
    with pytest.raises(TypeError, match="A checkpoint can hold numbers, text, tensors, lists and dicts, got function"):
        pack({"f": lambda: 1}, {})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no tensors",
        pickle.dumps({"a": 1}),
        b"\xff" * 100,
        save({"a": torch.zeros(2)}),
        save({"a": torch.zeros(2)}, metadata={"format": "pt"}),
        save({"a": torch.zeros(2)}, metadata={"format": "fitdash checkpoint 1", "facts": "{}", "content": "{"}),
        save({"a": torch.zeros(2)}, metadata={"format": "fitdash checkpoint 1", "content": '{"tensor": "b"}'}),
        pack(torch.zeros(100), {})[:-7],
    ],
    ids=["empty", "text", "pickle", "noise", "foreign", "foreign format", "no content", "no tensor", "cut off"],
)
def test_a_file_that_is_not_what_it_says_is_refused_with_its_name(tmp_path, content):
    path = tmp_path / "epoch-000003.safetensors"
    path.write_bytes(content)

    with pytest.raises(StoreError, match=r"epoch-000003.safetensors must be a checkpoint of fitdash, got a file that"):
        unpack(path)
