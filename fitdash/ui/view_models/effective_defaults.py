"""What follows from the settings and the data together: names that a history will have, what None comes to."""

from fitdash.settings.data_facts import DataFacts
from fitdash.settings.experiment import Experiment
from fitdash.settings.losses_and_metrics import resolved_learning_rate
from fitdash.settings.plan import plan_of
from fitdash.ui.view_models.formatting import format_number


def monitor_names(experiment: Experiment, facts: DataFacts | None) -> list[str]:
    """loss and the metrics, and the same with val_ where something is held out."""
    return list(experiment.logged(facts or DataFacts(rows=1)))


def resolve_defaults(experiment: Experiment, facts: DataFacts | None, target: str) -> dict[str, str]:
    """What None comes to here, by address: the number, where the declaration can only name the rule."""
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
