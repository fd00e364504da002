"""When the live chart is shown.

Source: R keras `fit`, view_metrics: "auto" shows it when someone is watching, metrics were given to compile, more than
one epoch runs and verbose is above 0.
"""

from typing import Any


def explain_hidden_chart(view_metrics: Any, *, viewer: bool, metrics: bool, epochs: int, verbose: Any) -> list[str]:
    """Why the live chart is not shown; empty if it is.

    Args:
        view_metrics: True, False or "auto", with the option applied.
        viewer: True if a dashboard or notebook is attached.
        metrics: True if `compile` was given metrics.
        epochs: The argument of fit.
        verbose: The argument of fit, with the option applied; "auto" counts as above 0.
    """
    if view_metrics is True:
        return []
    if view_metrics is False:
        return ["view_metrics is off"]
    conditions = [
        (viewer, "nobody is watching: no dashboard or notebook is attached"),
        (metrics, "compile was given no metrics"),
        (epochs > 1, "epochs is not above 1"),
        (verbose == "auto" or verbose > 0, "verbose is 0"),
    ]
    return [reason for holds, reason in conditions if not holds]
