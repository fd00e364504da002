"""A fit and a page go on, slower, where a library has lost a name that it never promised."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from fitdash import private_names
from fitdash.engine.optimizers import keras_optimizer, rules
from fitdash.engine.optimizers.foreach import MultiTensorCalls, one_by_one
from fitdash.engine.optimizers.resolve import RULES
from fitdash.engine.recording.program import torchscript
from fitdash.model.model import Model

ROOT = Path(__file__).parent.parent
RNG = np.random.default_rng(0)
X = RNG.normal(size=(320, 4)).astype("float32")
Y = (X @ np.float32([[1.0], [-2.0], [0.5], [0.0]])).astype("float32")


@pytest.fixture(autouse=True)
def _forgotten():
    """What was looked up and warned of counts for one test."""
    for cached in (private_names.find_private, private_names.warn_missing):
        cached.cache_clear()
    yield
    for cached in (private_names.find_private, private_names.warn_missing):
        cached.cache_clear()


def trained(optimizer="adam", **options):
    """The history of a small fit, and the texts of its warnings."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    model = Model(module).compile(optimizer, loss="mse", **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(X, Y, batch_size=8, epochs=4, validation_split=0.2, verbose=0)
        model.evaluate(X, Y, verbose=0)
        model.predict(X)
    return history, [str(one.message) for one in caught]


def test_a_missing_name_warns_once_and_gives_none():
    with pytest.warns(RuntimeWarning, match="This release of torch has no torch._C._never_there: it is slower"):
        assert private_names.find_private("torch._C", "_never_there", "it is slower") is None

    assert private_names.find_private("torch._C", "_never_there", "it is slower") is None
    assert private_names.find_private("torch", "Tensor.add_", "it is slower") is torch.Tensor.add_


@pytest.mark.parametrize("missing", torchscript.PRIVATE, ids=".".join)
def test_without_what_recording_is_built_on_steps_run_one_by_one(monkeypatch, missing):
    expected, quiet = trained()
    monkeypatch.setattr(
        torchscript, "PRIVATE", [name if name != missing else (name[0], "_gone") for name in torchscript.PRIVATE]
    )

    history, told = trained()

    assert (expected.params["stepper"], quiet) == ("recorded", [])
    assert history.params["stepper"] == "eager: this torch cannot record"
    assert history.history["loss"] == expected.history["loss"]
    assert history.history["val_loss"] == pytest.approx(expected.history["val_loss"], rel=1e-6)
    assert told == [
        f"This release of torch has no {missing[0]}._gone: steps are trained one by one, not recorded. "
        "Install the release that constraints.txt names."
    ]


@pytest.mark.parametrize("name", RULES)
def test_without_multi_tensor_calls_and_fused_kernels_optimizers_compute_the_same(monkeypatch, name):
    given = RULES[name](weight_decay=0.01, clipnorm=1.0)
    expected, _ = trained(given, run_eagerly=True)
    for missing in [each for each in dir(torch) if each.startswith(("_foreach_", "_fused_"))]:
        monkeypatch.delattr(torch, missing)
    private_names.find_private.cache_clear()
    for module in (rules, keras_optimizer):
        monkeypatch.setattr(module, "foreach", MultiTensorCalls())

    history, told = trained(given, run_eagerly=True)

    assert history.history["loss"] == pytest.approx(expected.history["loss"], rel=1e-5)
    assert any("torch._foreach_norm: optimizers take one tensor after the other" in text for text in told)
    assert len(told) == len(set(told))


@pytest.mark.parametrize(
    ("name", "others", "named"),
    [
        ("add_", ("list",), {"alpha": -0.5}),
        ("add", (0.5,), {}),
        ("mul_", (0.9,), {}),
        ("lerp_", ("list", 0.1), {}),
        ("addcmul_", ("list", "list", -0.3), {}),
        ("addcdiv_", ("list", "list", -0.3), {}),
        ("maximum_", ("list",), {}),
        ("sqrt", (), {}),
        ("abs", (), {}),
        ("norm", (), {}),
    ],
)
def test_a_loop_over_tensors_gives_what_the_multi_tensor_call_gives(name, others, named):
    def lists():
        torch.manual_seed(1)
        return [[torch.rand(3, 2) + 0.1, torch.rand(4) + 0.1] for _ in range(3)]

    ours, theirs = lists(), lists()
    given = lambda each: [each[place + 1] if other == "list" else other for place, other in enumerate(others)]  # noqa: E731

    found = one_by_one(name)(ours[0], *given(ours), **named)
    expected = getattr(torch, f"_foreach_{name}")(theirs[0], *given(theirs), **named)

    for one, other in zip(found or ours[0], expected or theirs[0], strict=True):
        assert torch.equal(one, other)


WITHOUT_TORCH = """if True:
    import warnings

    import torch
    import torch.utils._python_dispatch as dispatch

    del dispatch.TorchDispatchMode, torch.jit, torch.TypedStorage, torch._C._jit_set_profiling_mode
    import numpy as np

    import fitdash as fd

    x = np.ones((400, 2), "float32")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = fd.Model(torch.nn.Linear(2, 1)).compile("sgd", loss="mse")
        history = model.fit(x, x[:, :1], batch_size=2, epochs=2, verbose=0)
        model.predict(x)
    print(history.params["stepper"], len(history.history["loss"]), len(caught))
"""


def test_a_torch_without_dispatch_modes_and_torchscript_trains():
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False)

    assert done.stdout.strip() == "eager: this torch cannot record 2 1", done.stderr


WITHOUT_STREAMLIT = """if True:
    import sys
    import warnings

    from streamlit.testing.v1 import AppTest

    from fitdash import private_names

    real = private_names.find_private
    private_names.find_private = lambda module, name, instead: (
        real(module, f"{name}_gone", instead) if module.startswith("streamlit") else real(module, name, instead)
    )
    warnings.simplefilter("always")
    page = AppTest.from_file(sys.argv[1], default_timeout=60).run()
    assert not page.exception, page.exception
    print([button.label for button in page.button if button.label == "Fit"])
"""


def test_a_streamlit_without_its_private_names_draws_the_page(home):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_STREAMLIT, str(ROOT / "app.py")],
        env=os.environ | {"FITDASH_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.strip().endswith("['Fit']"), done.stderr
    assert done.stderr.count("This release of streamlit has no") == 5, done.stderr
