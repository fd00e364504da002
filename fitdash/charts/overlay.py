"""Charts that compare runs: curves of several runs in one chart, and settings against results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fitdash.charts.theme import Chart, epoch_layout, format_metric, pack_float32
from fitdash.charts.thin import Floats, thin_curve

DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
THEME_COLOURS = 6
LOW, HIGH = (62, 118, 190), (226, 122, 40)
MOST_POINTS = 500
MOST_NAMED = 6
"""Most lines with a legend; of more it would take the room of the chart, so each shows its name on hover."""
FEW = 6
PRINTED = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#7f7f7f")
HEX = "#{:02x}{:02x}{:02x}"


@dataclass(frozen=True, kw_only=True)
class RunCurve:
    """One run's values of one log.

    Attributes:
        run: Uid.
        name: Its display name.
        epochs: Shown epochs, from 1, (n,).
        values: (n,); NaN where the epoch has none.
        by: The value that it is coloured by; None: a colour of its own.
        faint: Whether it is drawn faint, such as a pruned trial.
    """

    run: str
    name: str
    epochs: Floats
    values: Floats
    by: Any = None
    faint: bool = False


def overlay_chart(lines: Sequence[RunCurve], *, title: str, key: str, log: bool = False) -> Chart:
    """One line per run.

    Args:
        lines: The runs.
        title: Title of the y axis: what was measured.
        key: The zoom and legend choices belong to it.
        log: Whether the y axis is logarithmic.
    """
    last = max((float(line.epochs[-1]) for line in lines if len(line.epochs)), default=1.0)
    room = max(0.02 * last, 0.2)
    layout = epoch_layout(key, "epoch", (1 - room, last + room), title, log=log)
    # The legend takes the place above the chart.
    layout["yaxis"] |= {"title": {"text": layout.pop("title")["text"]}, "uirevision": f"{key} {title} {log}"}
    # A vertical cursor, also where lines are so many that the hover names only one of them.
    layout["xaxis"] |= {"showspikes": True, "spikemode": "across", "spikethickness": 1, "spikedash": "dot"}
    layout["hovermode"] = "x unified" if len(lines) <= MOST_NAMED else "closest"
    layout["showlegend"] = len(lines) <= MOST_NAMED
    looks = line_styles([line.by for line in lines])
    drawn = [_trace(line, look) for line, look in zip(lines, looks, strict=True)]
    return {"data": drawn, "layout": layout}


def restyle_for_print(chart: Chart) -> Chart:
    """The chart for print: a legend of all lines beside it, and fixed colours instead of the page's theme."""
    lines = [
        {**line, "line": {"color": PRINTED[line["meta"].get("color", 0)], **line["line"]}} for line in chart["data"]
    ]
    legend = {"orientation": "v", "x": 1.02, "xanchor": "left", "y": 1, "yanchor": "top"}
    margin = {"l": 70, "r": 20, "t": 30, "b": 50}
    return {"data": lines, "layout": {**chart["layout"], "showlegend": True, "legend": legend, "margin": margin}}


def line_styles(values: Sequence[Any]) -> list[dict[str, Any]]:
    """Colour and dash of each line: of its own, or by its value.

    Numbers are blended between two colours by rank, so that 1e-5 and 1e-1 are as far apart as 1 and 5; any other value
    has a colour of its own.
    """
    known = list(dict.fromkeys(value for value in values if value is not None))
    if known and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        ranks = {value: place / max(1, len(known) - 1) for place, value in enumerate(sorted(known))}
        return [{"color": blend_colour(ranks[value])} if value is not None else _own(0) for value in values]
    if known:
        places = {value: place for place, value in enumerate(known)}
        return [_own(places[value]) if value is not None else _own(len(known)) for value in values]
    return [_own(place) for place in range(len(values))]


def blend_colour(share: float) -> str:
    """A colour between cold (0) and warm (1)."""
    return HEX.format(*(round(low + share * (high - low)) for low, high in zip(LOW, HIGH, strict=True)))


def _own(place: int) -> dict[str, Any]:
    return {"place": place % THEME_COLOURS, "dash": DASHES[place // THEME_COLOURS % len(DASHES)]}


def _trace(line: RunCurve, look: Mapping[str, Any]) -> dict[str, Any]:
    x, y = thin_curve(line.epochs, line.values, MOST_POINTS)
    found = {"line": {"width": 2, "dash": look.get("dash", "solid")}, "meta": {}}
    if "color" in look:
        found["line"]["color"] = look["color"]
    else:
        found["meta"] = {"color": look["place"]}
    seen = line.values[np.isfinite(line.values)]
    ending = f"  <b>{format_metric(float(seen[-1]))}</b>" if len(seen) else ""
    return {
        "type": "scatter",
        "uid": line.run,
        "name": f"{_safe(line.name)}{ending}",
        "mode": "lines+markers" if len(x) < 3 or not np.isfinite(y).all() else "lines",
        "x": pack_float32(x),
        "y": pack_float32(y),
        "opacity": 0.3 if line.faint else 1.0,
        "hovertemplate": "%{y:.4g}<extra>" + _safe(line.name) + "</extra>",
        **found,
    }


def parallel_chart(columns: Mapping[str, Sequence[Any]], *, result: str, key: str) -> Chart:
    """Parallel coordinates: an axis per setting, the result last and as the colour.

    Args:
        columns: Values by name, the result among them, all of one length.
        result: Name of the column that colours.
        key: The choices on the axes belong to it.
    """
    kept = [place for place, value in enumerate(columns[result]) if _is_number(value)]
    dimensions = [_dimension(name, [values[place] for place in kept]) for name, values in columns.items()]
    # Colours follow the axis of the result, so no colour bar is needed.
    line = {
        "color": dimensions[list(columns).index(result)]["values"],
        "colorscale": [[0, blend_colour(0)], [1, blend_colour(1)]],
    }
    return {
        "data": [{"type": "parcoords", "uid": "parallel", "dimensions": dimensions, "line": line}],
        "layout": {"uirevision": key, "margin": {"l": 60, "r": 60, "t": 50, "b": 20}},
    }


def _dimension(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """An axis: numbers linear, or logarithmic where they span a factor of 30; other values evenly spaced."""
    if all(_is_number(value) for value in values):
        numbers = np.asarray(values, dtype=float)
        if len(numbers) and numbers.min() > 0 and numbers.max() / numbers.min() >= 30:
            logs = np.log10(numbers)
            ticks = sorted(set(np.round(np.linspace(logs.min(), logs.max(), 5), 3).tolist()))
            texts = [format_metric(float(10**tick)) for tick in ticks]
            return {"label": name, "values": logs.tolist(), "tickvals": ticks, "ticktext": texts}
        few = sorted(set(numbers.tolist()))
        named = {"tickvals": few, "ticktext": [f"{one:g}" for one in few]} if len(few) <= FEW else {}
        return {"label": name, "values": numbers.tolist(), **named}
    known = list(dict.fromkeys(map(str, values)))
    places = [known.index(str(value)) for value in values]
    return {"label": name, "values": places, "tickvals": list(range(len(known))), "ticktext": known}


def scatter_chart(
    x: Sequence[Any],
    y: Sequence[float],
    names: Sequence[str],
    *,
    titles: tuple[str, str],
    key: str,
    log: bool = False,
) -> Chart:
    """A setting against a result, a point per run; `log` for the result's axis."""
    numbers = all(_is_number(value) for value in x)
    span = [float(value) for value in x if numbers and value > 0]
    is_log = numbers and len(span) == len(x) and bool(span) and max(span) / min(span) >= 30
    layout = {
        "uirevision": key,
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "hovermode": "closest",
        "xaxis": {
            "title": {"text": titles[0]},
            **({"type": "log"} if is_log else {} if numbers else {"type": "category"}),
        },
        "yaxis": {"title": {"text": titles[1]}, "exponentformat": "power", "type": "log" if log else "linear"},
        "showlegend": False,
    }
    points = {
        "type": "scatter",
        "uid": "points",
        "mode": "markers",
        "x": list(x) if numbers else list(map(str, x)),
        "y": list(y),
        "text": list(map(_safe, names)),
        "hovertemplate": "%{text}<br>%{x} → %{y:.4g}<extra></extra>",
        "marker": {"size": 10, "opacity": 0.8},
        "meta": {"color": 0},
    }
    return {"data": [points], "layout": layout}


def describe_overlay(lines: Sequence[RunCurve], title: str) -> str:
    """Text alternative of `overlay_chart`."""
    ends = []
    for line in lines[:12]:
        seen = line.values[np.isfinite(line.values)]
        ends.append(f"{line.name} {'ends at ' + format_metric(float(seen[-1])) if len(seen) else 'has no value yet'}")
    more = f"; and {len(lines) - 12} more" if len(lines) > 12 else ""
    return f"{title} of {len(lines)} runs: {'; '.join(ends)}{more}."


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and bool(np.isfinite(value))


def _safe(text: str) -> str:
    """The text with HTML escaped, because plotly renders some HTML in names."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
