"""States, ways of calling and layouts of parameters. Arithmetic: test_optimizers_parity."""

import copy
import io
import subprocess
import sys

import pytest
import torch
from torch import nn

from fitdash import optimizers as by_name
from fitdash.engine.optimizers.resolve import RULES, make_optimizer
from tests.engine.recording.safety.walks import give_gradients, two, walk

ALL_SETTINGS = [
    *((name, {}) for name in RULES),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("adam", {"amsgrad": True, "global_clipnorm": 0.5}),
    ("rmsprop", {"momentum": 0.9, "centered": True, "weight_decay": 0.01}),
]


# state ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "settings"), ALL_SETTINGS, ids=str)
def test_16_18_a_state_read_back_goes_on_bit_for_bit(name, settings):
    parameters = two()
    optimizer = getattr(by_name, name)(**settings)(parameters)
    walk(optimizer, parameters, range(5))
    file = io.BytesIO()
    torch.save({"state": optimizer.state_dict(), "at": [p.detach() for p in parameters]}, file)
    expected = walk(optimizer, parameters, range(5, 10))

    file.seek(0)
    read = torch.load(file, weights_only=True)
    again = [nn.Parameter(p) for p in read["at"]]
    other = getattr(by_name, name)(**settings)(again)
    walk(other, two(), [1])  # what it kept before is replaced
    other.load_state_dict(read["state"])

    for a, b in zip(walk(other, again, range(5, 10)), expected, strict=True):
        assert torch.equal(a, b)


def test_16_18_a_state_can_be_read_back_into_an_optimizer_at_work():
    parameters = two()
    optimizer = by_name.adam(0.1)(parameters)
    walk(optimizer, parameters, range(3))
    kept, at = copy.deepcopy(optimizer.state_dict()), [p.detach().clone() for p in parameters]
    expected = walk(optimizer, parameters, range(3, 6))

    optimizer.load_state_dict(kept)
    with torch.no_grad():
        for p, value in zip(parameters, at, strict=True):
            p.copy_(value)

    for a, b in zip(walk(optimizer, parameters, range(3, 6)), expected, strict=True):
        assert torch.equal(a, b)


def test_a_copy_of_an_optimizer_goes_on_by_itself():
    parameters = two()
    optimizer = by_name.nadam(0.1)(parameters)
    walk(optimizer, parameters, range(3))

    others, twin = copy.deepcopy((parameters, optimizer))
    at_twin = walk(twin, others, range(3, 6))
    at_first = walk(optimizer, parameters, range(3, 6))

    for a, b in zip(at_twin, at_first, strict=True):
        assert torch.equal(a, b)


def test_1_6_a_step_counts_for_the_group_and_not_without_gradients():
    parameters = two()
    optimizer = make_optimizer("adam", parameters)

    walk(optimizer, parameters, range(2))
    optimizer.zero_grad()
    optimizer.step()

    assert [group["step"] for group in optimizer.param_groups] == [2]


def test_1_8_a_frozen_parameter_stays_even_with_a_gradient_left_over():
    parameters = two()
    optimizer = by_name.sgd(0.1, weight_decay=0.5)(parameters)
    give_gradients(parameters, 1)
    parameters[0].requires_grad = False

    optimizer.step()

    assert torch.equal(parameters[0], torch.ones(2, 3))
    assert not torch.equal(parameters[1], torch.ones(3))


# ways of calling ------------------------------------------------------------------------------------------------------


def test_a_closure_is_evaluated_with_gradients_before_the_step():
    (p, _) = parameters = two()
    optimizer = by_name.sgd(0.5)(parameters)

    def closure():
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    loss = optimizer.step(closure)

    assert loss.item() == 6.0
    assert torch.equal(p, torch.zeros(2, 3))


def test_update_is_the_same_as_step_without_hooks():
    stepped, updated = two(), two()
    one, other = by_name.adam(0.1)(stepped), by_name.adam(0.1)(updated)
    heard = []
    one.register_step_post_hook(lambda *_: heard.append("step"))
    for parameters, go in ((stepped, one.step), (updated, other.update)):
        give_gradients(parameters, 1)
        go()

    assert all(torch.equal(a, b) for a, b in zip(stepped, updated, strict=True))
    assert heard == ["step"]


def test_torch_schedulers_steer_the_rate():
    parameters = two()
    optimizer = by_name.sgd(1.0)(parameters)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1)

    walk(optimizer, parameters, [1])
    scheduler.step()

    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1)


def test_making_and_stepping_by_name_leaves_torch_dynamo_unloaded():
    program = """
import sys, torch
from fitdash.engine.optimizers.resolve import make_optimizer
p = torch.nn.Parameter(torch.ones(3))
optimizer = make_optimizer("adam", [p])
p.grad = torch.ones(3)
optimizer.step()
optimizer.load_state_dict(optimizer.state_dict())
optimizer.zero_grad()
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# memory ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RULES)
def test_parameters_of_every_layout_and_kind_move_as_plain_ones(name):
    numbers = torch.randn(4, 6, 3, 3)
    plain = nn.Parameter(numbers.clone())
    others = [
        nn.Parameter(numbers.clone(memory_format=torch.channels_last)),
        nn.Parameter(numbers.transpose(0, 1).contiguous().transpose(0, 1)),
        nn.Parameter(torch.cat([numbers, numbers], dim=1)[:, :6]),  # with gaps in memory
        nn.Parameter(numbers.double()),
    ]
    optimizers = [getattr(by_name, name)()(p) for p in ([plain], *([p] for p in others))]
    for seed in range(4):
        gradient = torch.randn(plain.shape, generator=torch.Generator().manual_seed(seed))
        for p, optimizer in zip([plain, *others], optimizers, strict=True):
            p.grad = gradient.to(p.dtype)
            optimizer.step()

    for p in others:
        torch.testing.assert_close(p.detach().float().contiguous(), plain.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["adam", "rmsprop"])
def test_a_sparse_gradient_is_taken_as_a_dense_one(name):
    sparse, dense = (nn.Embedding(5, 2, sparse=kind) for kind in (True, False))
    dense.load_state_dict(sparse.state_dict())
    for embedding in (sparse, dense):
        optimizer = make_optimizer(name, embedding.parameters())
        for _ in range(3):
            optimizer.zero_grad()
            embedding(torch.tensor([1, 3, 3])).sum().backward()
            optimizer.step()

    assert torch.equal(sparse.weight, dense.weight)


@pytest.mark.parametrize("change", [lambda m: m.to(memory_format=torch.channels_last), lambda m: m.double()])
def test_a_module_converted_between_steps_takes_its_state_along(change):
    modules = [nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)]
    modules[1].load_state_dict(modules[0].state_dict())
    optimizers = [by_name.adam(0.1)(module.parameters()) for module in modules]
    for module, optimizer in zip(modules, optimizers, strict=True):
        walk(optimizer, list(module.parameters()), range(3))

    change(modules[1])
    for module, optimizer in zip(modules, optimizers, strict=True):
        walk(optimizer, list(module.parameters()), range(3, 6))

    for a, b in zip(modules[0].parameters(), modules[1].parameters(), strict=True):
        torch.testing.assert_close(a, b.to(a), rtol=1e-5, atol=1e-6)


def test_1_12_the_global_norm_spans_groups_and_dtypes():
    parameters = [nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1).double())]
    optimizer = by_name.sgd(1.0, global_clipnorm=1.0)([{"params": parameters[:1]}, {"params": parameters[1:], "lr": 2}])
    for p, value in zip(parameters, (2.0, 3.0, 6.0), strict=True):
        p.grad = torch.full_like(p, value)

    optimizer.step()

    assert [p.item() for p in parameters] == pytest.approx([-2 / 7, -6 / 7, -12 / 7])
    assert [p.grad.item() for p in parameters] == [2.0, 3.0, 6.0]
