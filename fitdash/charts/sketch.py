"""Small pictures that need no axes: a line as SVG, rows of pixels as PNG."""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT, EDGE = 300, 48, 3


def line_svg(values: Sequence[float], alt: str) -> str:
    """A line through values at equal distances, from 0 at the bottom, in the colour of the text around it.

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
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(alt)}" preserveAspectRatio="none" '
        f'style="width:100%;height:{HEIGHT}px;display:block">'
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="2" '
        'vector-effect="non-scaling-stroke"/></svg>'
    )


def bars_svg(values: Sequence[float], alt: str) -> str:
    """Bars side by side, in the colour of the text around them.

    Args:
        values: Heights, 0 or more; any that is above 0 can be seen.
        alt: What they show, in words.
    """
    top = max(values, default=0.0) or 1.0
    width = WIDTH / max(1, len(values))
    heights = [max(2.0, value / top * HEIGHT) if value else 0.0 for value in values]
    bars = "".join(
        f'<rect x="{place * width + 0.5:.1f}" y="{HEIGHT - height:.1f}" width="{width - 1:.1f}" height="{height:.1f}"/>'
        for place, height in enumerate(heights)
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(alt)}" preserveAspectRatio="none" '
        f'style="width:100%;height:{HEIGHT}px;display:block;opacity:0.6"><g fill="currentColor">{bars}</g></svg>'
    )


def pixels_png(pixels: NDArray[np.uint8]) -> str:
    """A PNG as a data URI that an img element shows.

    Args:
        pixels: (height, width, 4), red, green, blue, opacity.
    """
    file = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
