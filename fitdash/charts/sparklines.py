"""Small charts without axes: a line and bars as SVG, rows of pixels as PNG."""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT, EDGE = 300, 48, 3
COLOUR = "#4477AA"
"""Visible on a light page and on a dark one: an SVG in an img element cannot read the theme of the page."""


def line_svg(values: Sequence[float], alt: str) -> str:
    """A line through values at equal distances, from 0 at the bottom, as an img element.

    Args:
        values: 0 or more, finite.
        alt: What it shows, in words.
    """
    top = max(values, default=0.0) or 1.0
    width = (WIDTH - 2 * EDGE) / max(1, len(values) - 1)
    points = " ".join(
        f"{EDGE + place * width:.1f},{HEIGHT - EDGE - value / top * (HEIGHT - 2 * EDGE):.1f}"
        for place, value in enumerate(values if len(values) > 1 else [*values, *values])
    )
    line = f'<polyline points="{points}" fill="none" stroke="{COLOUR}" stroke-width="2"'
    return _img(f'{line} vector-effect="non-scaling-stroke"/>', alt)


def bars_svg(values: Sequence[float], alt: str) -> str:
    """Bars side by side, as an img element.

    Args:
        values: Heights, 0 or more; bars above 0 are at least 2 pixels high.
        alt: What they show, in words.
    """
    top = max(values, default=0.0) or 1.0
    width = WIDTH / max(1, len(values))
    heights = [max(2.0, value / top * HEIGHT) if value else 0.0 for value in values]
    bars = "".join(
        f'<rect x="{place * width + 0.5:.1f}" y="{HEIGHT - height:.1f}" width="{width - 1:.1f}" height="{height:.1f}"/>'
        for place, height in enumerate(heights)
    )
    return _img(f'<g fill="{COLOUR}">{bars}</g>', alt)


def _img(drawn: str, alt: str) -> str:
    """The SVG in an img element, as a data URI: Streamlit removes svg elements from the HTML that it is given."""
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {box}>{drawn}</svg>'
    uri = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    return f'<img src="{uri}" alt="{escape(alt)}" style="width:100%;height:{HEIGHT}px;display:block">'


def pixels_png(pixels: NDArray[np.uint8]) -> str:
    """A PNG as a data URI that an img element shows.

    Args:
        pixels: (height, width, 4), red, green, blue, opacity.
    """
    file = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
