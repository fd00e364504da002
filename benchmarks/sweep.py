"""How long many small fits take: in one program, one after the other, or by hand: python -m benchmarks.sweep --help.

Rounds are interleaved, and each contender is compared with the bare loop of the same round: see benchmarks/README.md.
"""

import argparse
import multiprocessing
import os
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

import fitdash as fd
from benchmarks.contenders import bare
from benchmarks.fit import machine
from benchmarks.workloads import Workload, mlp, table
from fitdash.engine.ensemble.batches import MemberRandomState
from fitdash.engine.ensemble.train import EnsembleMember, train_ensemble
from fitdash.settings.ensemble_rules import LEAST_MEMBERS, is_faster_together

Tensor = torch.Tensor

NETWORKS = {
    "W1 MLP 20-64-64-2, 10k rows": Workload(rows=10_000, batch=32, data=table(20, 2), network=mlp(20, 64, 64, 2)),
    "digits size, MLP 64-64-10": Workload(
        rows=1_797, batch=32, data=table(64, 10), network=mlp(64, 64, 10), classes=10
    ),
    "iris size, MLP 4-32-3": Workload(rows=150, batch=16, data=table(4, 3), network=mlp(4, 32, 3), classes=3),
    "MLP 20-128-128-2, 10k rows": Workload(rows=10_000, batch=32, data=table(20, 2), network=mlp(20, 128, 128, 2)),
    "W2 MLP 784-512-10": Workload(
        rows=3_200, batch=128, data=table(784, 10), network=mlp(784, 512, 10), classes=10
    ),
}  # fmt: skip
EXPERIMENT = {
    "data": {"name": "digits"},
    "fit": {"epochs": 20, "validation_data": {"kind": "stratified", "share": 0.2}, "verbose": 0},
}
SPACE = {"compile.learning_rate": "1e-4..1e-1 log", "compile.weight_decay": "1e-6..1e-2 log"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--members", type=int, default=32)
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--only", nargs="*", default=[], help="networks whose names contain one of these")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(machine(), "\n")
    for name, work in NETWORKS.items():
        if not given.only or any(part in name for part in given.only):
            print(f"### {name}, {given.members} of them for {given.epochs} epochs\n")
            print(many(work, given.members, given.epochs, given.rounds), flush=True)
    if not given.only or "search" in given.only:
        print(f"### digits, {given.trials} trials of 20 epochs with random search\n")
        print(searched(given.trials, given.rounds), flush=True)


def many(work: Workload, members: int, epochs: int, rounds: int) -> str:
    """The contenders' times beside the bare loop."""
    torch.manual_seed(0)
    x, y = work.data(work.rows)

    def apart() -> None:
        arguments = (work, x, y, members // 2, epochs)
        processes = [multiprocessing.get_context("fork").Process(target=as_a_sweep, args=arguments) for _ in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()

    contenders = {
        "bare, one after the other": lambda: [bare(work, x, y, epochs) for _ in range(members)],
        "fitdash, one after the other": lambda: [alone(work, x, y, seed, epochs) for seed in range(members)],
        "fitdash, as a sweep trains them": lambda: as_a_sweep(work, x, y, members, epochs),
        "the same in 2 processes (wall)": apart,
    }
    return compared(contenders, rounds, members)


def as_a_sweep(work: Workload, x: Tensor, y: Tensor, members: int, epochs: int) -> None:
    """Trains the members in one program where `is_faster_together` says so, else one after the other."""
    torch.set_num_threads(1)
    parameters = sum(parameter.numel() for parameter in work.network().parameters())
    if members >= LEAST_MEMBERS and is_faster_together(parameters, work.batch):
        prepared = [member(work, x, y, seed, epochs) for seed in range(members)]
        with torch.enable_grad():
            train_ensemble(prepared)
    else:
        for seed in range(members):
            alone(work, x, y, seed, epochs)


def alone(work: Workload, x: Tensor, y: Tensor, seed: int, epochs: int) -> None:
    cut = len(x) * 4 // 5
    _model(work, seed).fit(x[:cut], y[:cut], work.batch, epochs, 0, validation_data=(x[cut:], y[cut:]))


def member(work: Workload, x: Tensor, y: Tensor, seed: int, epochs: int) -> EnsembleMember:
    """The fit that `alone` trains, prepared to be one of several."""
    cut = len(x) * 4 // 5
    fit = _model(work, seed).prepare_fit(x[:cut], y[:cut], work.batch, epochs, 0, validation_data=(x[cut:], y[cut:]))
    return EnsembleMember(fit=fit, dice=MemberRandomState(torch.get_rng_state()), ended=_ended)


def searched(trials: int, rounds: int) -> str:
    """Trials per minute of fitdash and of Optuna with a hand-written loop."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["FITDASH_HOME"] = home
        contenders = {
            "Optuna with a bare loop": lambda: _by_hand(trials),
            "fitdash, trials alone": lambda: _searched(trials, together=False),
            "fitdash": lambda: _searched(trials, together=True),
        }
        return compared(contenders, rounds, trials, per_minute=True)


def compared(contenders: dict[str, Callable[[], object]], rounds: int, count: int, *, per_minute: bool = False) -> str:
    """Median of the ratios to the first contender, round by round; the first round only warms up."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for turn in range(rounds + 1):
        for name in random.sample(list(contenders), len(contenders)):
            wall, cpu = time.perf_counter(), time.process_time()
            contenders[name]()
            if turn:
                found[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    first = next(iter(contenders))
    unit = "trials a minute of CPU" if per_minute else "seconds of CPU each"
    lines = [f"| | x {first} (CPU) | middle half | (wall) | {unit} |", "|---|---|---|---|---|"]
    for name in contenders:
        walls, cpus = ([a[i] / b[i] for a, b in zip(found[first], found[name], strict=True)] for i in (0, 1))
        low, _, high = statistics.quantiles(cpus, n=4) if rounds > 1 else (cpus[0],) * 3
        cpu = statistics.median(row[1] for row in found[name]) / count
        shown = f"{60 / cpu:.0f}" if per_minute else f"{cpu:.3f}"
        if "wall" in name:
            lines.append(f"| {name} | | | {statistics.median(walls):.2f} | |")
        else:
            lines.append(
                f"| {name} | {statistics.median(cpus):.2f} | {low:.2f} to {high:.2f} "
                f"| {statistics.median(walls):.2f} | {shown} |"
            )
    return "\n".join([*lines, ""])


def _model(work: Workload, seed: int) -> fd.Model:
    fd.set_random_seed(seed)
    adam = fd.optimizers.adam(1e-3 * (1 + seed % 8))
    return fd.Model(work.network()).compile(adam, nn.CrossEntropyLoss(), ["accuracy"])


def _ended(error: BaseException | None) -> None:
    if error is not None:
        raise error


def _searched(trials: int, *, together: bool) -> None:
    fd.sweep(EXPERIMENT, SPACE, trials=trials, sampler="random", pruner="none", workers=0, together=together)


def _by_hand(trials: int) -> None:
    """A careful hand-written search: data loaded once, the loop of `bare`, the loss reported to Optuna each epoch."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    data = fd.load_dataset("digits")
    x = torch.tensor(data.table[list(data.inputs)].to_numpy(), dtype=torch.float32)
    y = torch.tensor(data.table[data.target_name].astype(int).to_numpy())
    x = (x - x.mean(0)) / x.std(0).clamp_min(1e-6)
    cut = len(x) * 4 // 5

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
        decay = trial.suggest_float("weight_decay", 1e-6, 1e-2, log=True)
        module = mlp(64, 64, 64, 10)()
        adam = torch.optim.AdamW(module.parameters(), rate, weight_decay=decay)
        best = float("inf")
        for epoch in range(20):
            order = torch.randperm(cut)
            total, hits = torch.zeros(()), torch.zeros((), dtype=torch.int64)
            for part in order.split(32):
                xb, yb = x[part], y[part]
                adam.zero_grad()
                said = module(xb)
                loss = F.cross_entropy(said, yb)
                loss.backward()
                adam.step()
                total += loss.detach() * len(xb)
                hits += (said.argmax(1) == yb).sum()
            with torch.inference_mode():
                said = module(x[cut:])
                value, _ = float(F.cross_entropy(said, y[cut:])), float((said.argmax(1) == y[cut:]).sum())
            best = min(best, value)
            trial.report(value, epoch)
        return best

    optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).optimize(objective, n_trials=trials)


if __name__ == "__main__":
    main()
