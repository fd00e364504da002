"""Several fits as one: each must come out as it does alone."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

import fitdash
from fitdash.engine.ensemble import train
from fitdash.engine.ensemble.batches import MemberRandomState
from fitdash.engine.ensemble.train import EnsembleMember, ensemble_key, train_ensemble, why_not_in_ensemble
from fitdash.random_state import set_random_seed

CLOSE = {"rtol": 1e-4, "atol": 1e-7}


def rows(count=90, classes=3, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(count, 4)).astype("float32")
    return x, (x @ draw.normal(size=(4, classes))).argmax(1)


def network(units=3, ending=nn.Softmax):
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, units), ending(-1) if ending else nn.Identity())


def model_of(seed, optimizer="adam", loss="sparse_categorical_crossentropy", metrics=("accuracy",), **settings):
    set_random_seed(seed)
    units, ending = (3, nn.Softmax) if "crossentropy" in loss else (1, None)
    made = getattr(fitdash.optimizers, optimizer)(learning_rate=0.002 * (seed + 1), **settings)
    return fitdash.Model(network(units, ending)).compile(made, loss, list(metrics))


def member_of(model, ended=None, **arguments):
    """The fit of a model, prepared and not trained, as one of several."""
    fit = model.prepare_fit(verbose=0, **arguments)
    return EnsembleMember(fit=fit, dice=MemberRandomState(torch.get_rng_state()), ended=ended or (lambda error: None))


def together(makers, **arguments):
    """The models that were trained together; each is made when it is its turn, as its fit alone would find it."""
    members = [member_of(make(), **{**given, **arguments}) for make, given in makers]
    train_ensemble(members)
    return [member.fit.flags for member in members]


def seeds(count, **settings):
    return [(partial(model_of, seed, **settings), {}) for seed in range(count)]


def assert_alike(models, alone):
    for model, one in zip(models, alone, strict=True):
        history = model.history
        assert list(history.history) == list(one.history)
        for name, values in one.history.items():
            np.testing.assert_allclose(history.history[name], values, **CLOSE)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam"])
def test_every_optimizer_trains_several_as_it_trains_one(optimizer):
    x, y = rows()
    arguments = {"x": x, "y": y, "epochs": 12, "batch_size": 16, "validation_split": 0.2}

    models = together(seeds(5, optimizer=optimizer), **arguments)

    alone = [model_of(seed, optimizer).fit(verbose=0, **arguments) for seed in range(5)]
    assert_alike(models, alone)
    assert models[0].history.params["stepper"] == "recorded, together with 4 others"


@pytest.mark.parametrize(
    ("loss", "metrics"),
    [
        ("mse", ("mae", "r2_score", "root_mean_squared_error")),
        ("huber", ()),
        ("sparse_categorical_crossentropy", ("accuracy", "sparse_top_k_categorical_accuracy")),
    ],
)
def test_losses_and_metrics_are_counted_for_each(loss, metrics):
    x, y = rows()
    y = y if "crossentropy" in loss else y[:, None].astype("float32")
    arguments = {"x": x, "y": y, "epochs": 3, "batch_size": 16, "validation_split": 0.2}

    models = together(seeds(3, loss=loss, metrics=metrics), **arguments)

    alone = [model_of(s, loss=loss, metrics=metrics).fit(verbose=0, **arguments) for s in range(3)]
    assert_alike(models, alone)


@pytest.mark.parametrize("shuffle", [True, False, "batch"])
def test_each_goes_through_its_rows_in_its_own_order(shuffle):
    x, y = rows(85)
    arguments = {"x": x, "y": y, "epochs": 3, "batch_size": 16, "shuffle": shuffle, "validation_split": 0.1}

    models = together(seeds(3), **arguments)

    assert_alike(models, [model_of(seed).fit(verbose=0, **arguments) for seed in range(3)])


def test_class_weights_sample_weights_and_rows_may_differ():
    x, y = rows()
    other = rows(seed=1)
    given = [
        {"x": x, "y": y, "class_weight": {0: 2.0, 1: 0.5}},
        {"x": other[0], "y": other[1], "class_weight": None},
        {"x": x, "y": y, "class_weight": {2: 5.0}},
    ]
    weight = np.linspace(0.1, 2, 90).astype("float32")
    arguments = {"epochs": 4, "batch_size": 16, "sample_weight": weight, "validation_split": 0.2}

    models = together([(make, given[place]) for place, (make, _) in enumerate(seeds(3))], **arguments)

    alone = [model_of(seed).fit(verbose=0, **given[seed], **arguments) for seed in range(3)]
    assert_alike(models, alone)


def test_weight_decays_may_differ_and_be_none():
    x, y = rows()
    decays = [None, 0.1, 0.01]
    arguments = {"x": x, "y": y, "epochs": 8, "batch_size": 16}

    models = together([(partial(model_of, s, weight_decay=d), {}) for s, d in enumerate(decays)], **arguments)

    alone = [model_of(s, weight_decay=d).fit(verbose=0, **arguments) for s, d in enumerate(decays)]
    assert_alike(models, alone)


def test_validation_happens_when_it_is_due_and_on_as_many_rows():
    x, y = rows()
    arguments = {"x": x, "y": y, "epochs": 5, "batch_size": 16, "validation_data": (x[:40], y[:40])}
    arguments |= {"validation_freq": 2, "validation_steps": 2}

    models = together(seeds(3), **arguments)

    alone = [model_of(seed).fit(verbose=0, **arguments) for seed in range(3)]
    assert len(models[0].history.history["val_loss"]) == 2
    assert_alike(models, alone)


def test_a_member_that_stops_early_keeps_its_weights_and_the_others_go_on():
    x, y = rows()
    arguments = {"x": x, "y": y, "epochs": 20, "batch_size": 16, "validation_split": 0.2}

    def stopping(patience):
        return {"callbacks": [fitdash.callbacks.EarlyStopping(min_delta=10.0, patience=patience)]}

    patiences = [2, 3, 4, 20, 5, 20]
    models = together([(partial(model_of, s), stopping(p)) for s, p in enumerate(patiences)], **arguments)

    alone = []
    for seed, patience in enumerate(patiences):
        alone.append(model_of(seed))
        alone[-1].fit(verbose=0, **stopping(patience), **arguments)
    assert [len(model.history.epoch) for model in models] == [3, 4, 5, 20, 6, 20]
    assert_alike(models, [model.history for model in alone])
    for model, one in zip(models, alone, strict=True):
        for ours, theirs in zip(model.module.parameters(), one.module.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)
            kept, alone_kept = (model_.optimizer.state for model_ in (model, one))
            assert kept[ours].keys() == alone_kept[theirs].keys()
            for name, slot in kept[ours].items():
                torch.testing.assert_close(slot, alone_kept[theirs][name], rtol=1e-3, atol=1e-5)
        assert model.optimizer.param_groups[0]["step"] == one.optimizer.param_groups[0]["step"]


def test_afterwards_each_has_memory_of_its_own():
    x, y = rows()

    models = together(seeds(3), x=x, y=y, epochs=3)

    tensors = [p for model in models for p in model.module.parameters()]
    tensors += [slot for model in models for kept in model.optimizer.state.values() for slot in kept.values()]
    assert all(tensor.is_contiguous() for tensor in tensors)
    assert len({tensor.untyped_storage().data_ptr() for tensor in tensors}) == len(tensors)


def test_weights_that_a_callback_puts_in_place_between_epochs_count():
    class Zeroes(fitdash.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                for parameter in self.model.module.parameters():
                    parameter.data = torch.zeros_like(parameter)

    x, y = rows()
    arguments = {"x": x, "y": y, "epochs": 4, "batch_size": 16}

    models = together([(partial(model_of, seed), {"callbacks": [Zeroes()]}) for seed in range(2)], **arguments)

    alone = [model_of(seed).fit(verbose=0, callbacks=[Zeroes()], **arguments) for seed in range(2)]
    assert_alike(models, alone)


def test_tiny_numbers_count_again_afterwards():
    x, y = rows()

    together(seeds(2), x=x, y=y, epochs=1)

    assert torch.tensor(1e-39).mul(1.0).item() != 0


def test_callbacks_change_the_learning_rate_of_their_own_member():
    x, y = rows()
    arguments = {"x": x, "y": y, "epochs": 6, "batch_size": 16}

    def given(seed):
        return {"callbacks": [fitdash.callbacks.LearningRateScheduler(lambda epoch: 0.01 / (epoch + 1 + seed))]}

    models = together([(partial(model_of, seed), given(seed)) for seed in range(4)], **arguments)

    alone = [model_of(seed).fit(verbose=0, **given(seed), **arguments) for seed in range(4)]
    assert_alike(models, alone)
    assert models[0].history.history["learning_rate"] != models[1].history.history["learning_rate"]


def test_what_a_callback_raises_ends_its_member_alone():
    class Breaks(fitdash.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise ValueError("broken")

    x, y = rows()
    ends = {}
    members = []
    for seed in range(3):
        callbacks = [Breaks()] if seed == 1 else []
        end = lambda error, seed=seed: ends.setdefault(seed, error)  # noqa: E731
        members.append(member_of(model_of(seed), end, x=x, y=y, epochs=4, callbacks=callbacks))

    train_ensemble(members)

    assert str(ends[1]) == "broken"
    assert (ends[0], ends[2]) == (None, None)
    assert [len(member.fit.callbacks.history.epoch) for member in members] == [4, 1, 4]


def test_a_member_whose_numbers_run_away_is_no_trouble_to_the_others():
    x, y = rows()
    arguments = {"x": x, "y": y.astype("float32")[:, None], "epochs": 6, "batch_size": 8}

    def wild(seed):
        set_random_seed(seed)
        rate = 1e30 if seed == 1 else 0.01
        return fitdash.Model(network(1, None)).compile(fitdash.optimizers.sgd(rate), "mse")

    models = together([(partial(wild, seed), {}) for seed in range(3)], **arguments)

    assert np.isnan(models[1].history.history["loss"][-1]) or np.isinf(models[1].history.history["loss"][-1])
    alone = [wild(seed).fit(verbose=0, **arguments) for seed in (0, 2)]
    assert_alike([models[0], models[2]], alone)


def test_the_random_numbers_of_others_are_left_alone():
    x, y = rows()
    members = [member_of(model_of(seed), x=x, y=y, epochs=2) for seed in range(2)]
    torch.manual_seed(5)
    before = torch.get_rng_state()

    train_ensemble(members)

    assert torch.equal(torch.get_rng_state(), before)


class _Listens(fitdash.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.mark.parametrize(
    ("module", "arguments", "why"),
    [
        (nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5), nn.Softmax(-1)), {}, "dropout would draw other numbers"),
        (nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)), {}, "the network has more than fully connected layers"),
        (network(), {"steps_per_epoch": 3}, "an epoch is not one pass over the data"),
        (network(), {"callbacks": [_Listens()]}, "a callback listens to batches"),
        (network(), {}, ""),
    ],
)
def test_what_cannot_be_one_of_several_says_why(module, arguments, why):
    x, y = rows()
    model = fitdash.Model(module).compile("adam", "sparse_categorical_crossentropy")

    assert why_not_in_ensemble(member_of(model, x=x, y=y, **arguments).fit) == why


def _in_groups(parameters):
    first, *others = parameters
    return fitdash.optimizers.adam()([{"params": [first], "lr": 0.1}, {"params": others}])


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"optimizer": fitdash.optimizers.adam(clipnorm=1.0)}, "gradients are clipped"),
        ({"optimizer": torch.optim.Adam}, "the optimizer keeps an account of its own"),
        ({"optimizer": _in_groups}, "the optimizer updates the parameters in groups, or some of them"),
        ({"run_eagerly": True}, "it runs eagerly, casts automatically or is not on the CPU"),
    ],
)
def test_settings_of_compile_may_keep_a_fit_alone(settings, why):
    x, y = rows()
    model = fitdash.Model(network()).compile(loss="sparse_categorical_crossentropy", **settings)

    assert why_not_in_ensemble(member_of(model, x=x, y=y).fit) == why


def test_fits_of_other_shapes_or_rules_have_another_signature():
    x, y = rows()
    base = ensemble_key(member_of(model_of(0), x=x, y=y, epochs=2).fit)

    assert ensemble_key(member_of(model_of(3, weight_decay=0.1), x=x, y=y, epochs=2).fit) == base
    assert ensemble_key(member_of(model_of(0, "sgd"), x=x, y=y, epochs=2).fit) != base
    assert ensemble_key(member_of(model_of(0, "sgd", momentum=0.9), x=x, y=y, epochs=2).fit) != ensemble_key(
        member_of(model_of(0, "sgd"), x=x, y=y, epochs=2).fit
    )
    assert ensemble_key(member_of(model_of(0), x=x, y=y, epochs=3).fit) != base
    assert ensemble_key(member_of(model_of(0), x=x[:80], y=y[:80], epochs=2).fit) != base


def test_short_fits_are_not_recorded(monkeypatch):
    x, y = rows(40)

    models = together(seeds(2), x=x, y=y, epochs=2, batch_size=20)

    assert models[0].history.params["stepper"] == "eager, together with 1 others"
    assert train.LEAST_STEPS > 4


def test_a_label_that_only_the_last_validation_row_has_is_refused_before_the_first_update():
    x, y = rows()
    held = y.copy()
    held[-1] = 3
    models = [make() for make, _ in seeds(2)]
    before = [[parameter.detach().clone() for parameter in model.module.parameters()] for model in models]
    members = [member_of(model, x=x, y=y, epochs=2, validation_data=(x, held)) for model in models]

    with pytest.raises(fitdash.DataError, match="^validation y must have class ids 0 to 2, .* got 3 in row 89"):
        train_ensemble(members)

    for model, kept in zip(models, before, strict=True):
        assert all(map(torch.equal, model.module.parameters(), kept))


def test_each_member_is_warned_of_outputs_that_its_loss_does_not_read():
    x, y = rows()
    models = [fitdash.Model(network(3, None)).compile("adam", "sparse_categorical_crossentropy") for _ in range(2)]

    with pytest.warns(UserWarning, match="^Predictions must be probabilities") as told:
        train_ensemble([member_of(model, x=x, y=y, epochs=2) for model in models])

    assert len(told) == 2
