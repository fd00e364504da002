"""Chart of repeated runs: the mean of each group with a band of one standard deviation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fitdash.charts.overlay import DASHES, blend_colour
from fitdash.charts.theme import Chart, epoch_layout, format_metric, pack_float32
from fitdash.charts.thin import Floats

CLEAR = 0.18


@dataclass(frozen=True, kw_only=True)
class RepeatBand:
    """Repeats of one experiment, epoch by epoch.

    Attributes:
        name: Display name of the experiment.
        n: Number of repeats.
        epochs: Shown epochs, from 1, (n,).
        mean, low, high: (n,); low and high one standard deviation away.
    """

    name: str
    n: int
    epochs: Floats
    mean: Floats
    low: Floats
    high: Floats


def band_chart(bands: Sequence[RepeatBand], *, title: str, key: str) -> Chart:
    """A line per group, and around it a band of one standard deviation."""
    last = max((float(one.epochs[-1]) for one in bands if len(one.epochs)), default=1.0)
    room = max(0.02 * last, 0.2)
    layout = epoch_layout(key, "epoch", (1 - room, last + room), title)
    layout["yaxis"]["title"] = {"text": layout.pop("title")["text"]}
    traces = [trace for place, one in enumerate(bands) for trace in _traces(one, place, len(bands))]
    return {"data": traces, "layout": layout}


def describe_bands(bands: Sequence[RepeatBand], title: str) -> str:
    """Text alternative of `band_chart`."""
    ends = [
        f"{one.name} ends at {format_metric(float(one.mean[-1]))} on average of {one.n}"
        for one in bands
        if len(one.mean)
    ]
    return f"{title} over seeds: {'; '.join(ends) or 'no value yet'}."


def _traces(band: RepeatBand, place: int, count: int) -> list[dict[str, Any]]:
    colour = blend_colour(place / max(1, count - 1))
    edge: dict[str, Any] = {"type": "scatter", "mode": "lines", "line": {"width": 0, "color": colour}}
    edge |= {"hoverinfo": "skip", "showlegend": False, "x": pack_float32(band.epochs)}
    ending = f"  <b>{format_metric(float(band.mean[-1]))}</b>" if len(band.mean) else ""
    return [
        {**edge, "uid": f"low-{place}", "y": pack_float32(band.low)},
        {**edge, "uid": f"high-{place}", "y": pack_float32(band.high), "fill": "tonexty", "fillcolor": _clear(colour)},
        {
            "type": "scatter",
            "uid": f"mean-{place}",
            "name": f"{band.name}, n = {band.n}{ending}",
            "mode": "lines",
            "x": pack_float32(band.epochs),
            "y": pack_float32(band.mean),
            "line": {"width": 2.5, "color": colour, "dash": DASHES[place % len(DASHES)]},
            "hovertemplate": "%{y:.4g}<extra>" + band.name + "</extra>",
        },
    ]


def _clear(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{CLEAR})"
