"""What follows from settings and data together: names of the logs, and what settings that are None resolve to."""

from fitdash.settings.data_facts import DataFacts
from fitdash.settings.experiment import Experiment
from fitdash.settings.losses_and_metrics import resolved_learning_rate
from fitdash.settings.plan import plan_of
from fitdash.ui.view_models.formatting import format_number


def monitor_names(experiment: Experiment, facts: DataFacts | None) -> list[str]:
    """Names of the logs: loss and metrics, with val_ too if rows are held out."""
    return list(experiment.logged(facts or DataFacts(rows=1)))


def resolve_defaults(experiment: Experiment, facts: DataFacts | None, target: str) -> dict[str, str]:
    """What None resolves to with these data, by address; the declaration can only name the rule."""
    optimizer = experiment.compile.optimizer
    known = {
        "compile.learning_rate": format_number(resolved_learning_rate(optimizer)),
        "compile.weight_decay": "0.004" if optimizer == "adamw" else "none",
    }
    if facts is None:
        return known
    plan = plan_of(experiment.fit, facts)
    known |= {
        "data.features": f"all {len(facts.features)} columns",
        "data.target": target,
        "fit.steps_per_epoch": format_number(plan.batches),
        "fit.validation_batch_size": format_number(plan.batch_size),
    }
    return known | ({"fit.validation_steps": "all"} if plan.val_rows else {})
