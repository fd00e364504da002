"""Curves of several runs in one picture, and settings against results."""

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
"""Of more lines the legend would take the room of the picture: each says its name when it is pointed at."""
FEW = 6
PRINTED = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#7f7f7f")
HEX = "#{:02x}{:02x}{:02x}"


@dataclass(frozen=True, kw_only=True)
class RunCurve:
    """One run's values of one log.

    Attributes:
        run: Uid.
        name: What people call it.
        epochs: Shown epochs, from 1, (n,).
        values: (n,); NaN where the epoch has none.
        by: The value that it is coloured by; None: a colour of its own.
        faint: It stands back, such as a pruned trial.
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
        title: Of the y axis: what was measured.
        key: Whose zoom and legend choices are kept.
        log: Whether the y axis is logarithmic.
    """
    last = max((float(line.epochs[-1]) for line in lines if len(line.epochs)), default=1.0)
    room = max(0.02 * last, 0.2)
    layout = epoch_layout(key, "epoch", (1 - room, last + room), title, log=log)
    # The names of the runs take the place above the picture.
    layout["yaxis"] |= {"title": {"text": layout.pop("title")["text"]}, "uirevision": f"{key} {title} {log}"}
    # A cursor also where lines are so many that the hover names one of them.
    layout["xaxis"] |= {"showspikes": True, "spikemode": "across", "spikethickness": 1, "spikedash": "dot"}
    layout["hovermode"] = "x unified" if len(lines) <= MOST_NAMED else "closest"
    layout["showlegend"] = len(lines) <= MOST_NAMED
    looks = line_styles([line.by for line in lines])
    drawn = [_trace(line, look) for line, look in zip(lines, looks, strict=True)]
    return {"data": drawn, "layout": layout}


def restyle_for_print(chart: Chart) -> Chart:
    """The picture for paper: every line in the legend beside it, in colours that need no page around them."""
    lines = [
        {**line, "line": {"color": PRINTED[line["meta"].get("color", 0)], **line["line"]}} for line in chart["data"]
    ]
    legend = {"orientation": "v", "x": 1.02, "xanchor": "left", "y": 1, "yanchor": "top"}
    margin = {"l": 70, "r": 20, "t": 30, "b": 50}
    return {"data": lines, "layout": {**chart["layout"], "showlegend": True, "legend": legend, "margin": margin}}


def line_styles(values: Sequence[Any]) -> list[dict[str, Any]]:
    """Colour and dash of each line: of its own, or by the value that it stands for.

    Numbers go from one colour to another by their rank in size, so that 1e-5 and 1e-1 are as far apart as 1 and 5;
    other values have a colour each, and the same value the same one.
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
    """A colour on the way from cold to warm."""
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
        key: Whose choices are kept.
    """
    kept = [place for place, value in enumerate(columns[result]) if _is_number(value)]
    dimensions = [_dimension(name, [values[place] for place in kept]) for name, values in columns.items()]
    # Coloured as the result stands on its axis, which is why no bar has to tell the colours.
    line = {
        "color": dimensions[list(columns).index(result)]["values"],
        "colorscale": [[0, blend_colour(0)], [1, blend_colour(1)]],
    }
    return {
        "data": [{"type": "parcoords", "uid": "parallel", "dimensions": dimensions, "line": line}],
        "layout": {"uirevision": key, "margin": {"l": 60, "r": 60, "t": 50, "b": 20}},
    }


def _dimension(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """Numbers on their axis, on a logarithmic one where they span much; other values at even distances."""
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
    """The picture in words."""
    ends = []
    for line in lines[:12]:
        seen = line.values[np.isfinite(line.values)]
        ends.append(f"{line.name} {'ends at ' + format_metric(float(seen[-1])) if len(seen) else 'has no value yet'}")
    more = f"; and {len(lines) - 12} more" if len(lines) > 12 else ""
    return f"{title} of {len(lines)} runs: {'; '.join(ends)}{more}."


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and bool(np.isfinite(value))


def _safe(text: str) -> str:
    """Plotly reads some HTML in names."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
