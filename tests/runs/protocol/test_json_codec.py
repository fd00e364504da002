"""Facts come back from text as they were."""

import math
import struct

import numpy as np
import pytest
import torch

from fitdash.runs.protocol.json_codec import decode, decode_all, encode, to_plain


def test_every_float_comes_back_bit_for_bit():
    bits = np.random.default_rng(0).integers(0, 2**63, 2000, dtype=np.uint64)
    floats = [struct.unpack("d", struct.pack("Q", int(some)))[0] for some in bits]
    floats = [value for value in floats if not math.isnan(value)] + [-0.0, 5e-324, math.inf, -math.inf, 0.1 + 0.2]

    again = decode(encode(floats))

    assert [struct.pack("d", value) for value in again] == [struct.pack("d", value) for value in floats]


def test_nan_comes_back_as_nan():
    assert math.isnan(decode(encode({"loss": math.nan}))["loss"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.int64(3), 3),
        (torch.tensor(0.25), 0.25),
        (np.arange(3), [0, 1, 2]),
        (np.zeros((100, 3)), "array of shape (100, 3)"),
        ((1, {2: (3,)}), [1, {"2": [3]}]),
        (True, True),
        (None, None),
        (abs, "<built-in function abs>"),
    ],
)
def test_plain_gives_values_of_python(given, expected):
    got = to_plain(given)

    assert got == expected
    assert type(got) is type(expected)


def test_many_texts_are_decoded_in_one_go():
    assert decode_all([encode({"a": 1}), encode("ä\n")]) == [{"a": 1}, "ä\n"]
    assert decode_all([]) == []
