"""Image samples side by side in one chart: numbers → a chart specification."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fitdash.charts.prediction_counts import Array
from fitdash.charts.theme import Chart

GAP = 0.35
"""Between two images, as a share of their width; above each there is room for a line of text."""


def images_chart(images: Array, texts: Sequence[str], *, run: str, columns: int = 12) -> Chart:
    """Specification of images in rows, each under its text.

    Args:
        images: (n, height, width) of any range; each is shown from its darkest to its brightest.
        texts: One for each.
        run: Uid of the run; the zoom belongs to it.
        columns: Images in a row.
    """
    count, height, width = images.shape
    across, down = max(1, round(GAP * width)), max(1, round(0.5 * height))
    rows = -(-count // columns)
    sheet = np.full((rows * (height + down), columns * (width + across)), np.nan)
    notes: list[dict[str, Any]] = []
    for place, image in enumerate(images):
        top, left = (place // columns) * (height + down) + down, (place % columns) * (width + across) + across // 2
        low, high = float(np.nanmin(image)), float(np.nanmax(image))
        sheet[top : top + height, left : left + width] = (image - low) / ((high - low) or 1)
        notes.append({"text": texts[place], "x": left + (width - 1) / 2, "y": top - 0.6})
    bare = {"visible": False, "showgrid": False, "zeroline": False, "fixedrange": True}
    grid = [[None if np.isnan(one) else round(float(one), 3) for one in line] for line in sheet]
    return {
        "data": [
            {
                "type": "heatmap",
                "uid": "images",
                "z": grid,
                "zmin": 0,
                "zmax": 1,
                "showscale": False,
                "hoverinfo": "skip",
                "hoverongaps": False,
                "meta": {"scale": [[0, "ink", 0.05], [1, "ink", 1]]},
            }
        ],
        "layout": {
            "uirevision": run,
            "margin": {"l": 0, "r": 0, "t": 4, "b": 0},
            "xaxis": {**bare, "range": [-0.5, sheet.shape[1] - 0.5]},
            "yaxis": {**bare, "range": [sheet.shape[0] - 0.5, -0.5], "scaleanchor": "x", "constrain": "domain"},
            "annotations": [{**note, "showarrow": False, "yanchor": "bottom"} for note in notes],
        },
    }
