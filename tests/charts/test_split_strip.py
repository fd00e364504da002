"""The strip as pixels, and other small pictures."""

import base64
import io
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from fitdash.charts.sparklines import HEIGHT, bars_svg, line_svg, pixels_png
from fitdash.charts.split_strip import BAND, FAINT, GAP, strip_pixels

HELD = np.array([False, True, False])


def test_a_row_stands_in_the_band_of_its_part_and_leaves_a_trace_in_the_other():
    pixels = strip_pixels(np.array([0, 1, 2]), HELD, is_class=True)

    upper, lower = pixels[0, :, 3], pixels[-1, :, 3]
    assert pixels.shape == (2 * BAND + GAP, 3, 4)
    assert upper.tolist() == [255, FAINT, 255]
    assert lower.tolist() == [FAINT, 255, FAINT]
    assert (pixels[BAND : BAND + GAP, :, 3] == 0).all()


def test_classes_have_colours_of_their_own():
    pixels = strip_pixels(np.arange(10), np.zeros(10, dtype=bool), is_class=True)

    assert len({tuple(colour) for colour in pixels[0, :, :3]}) == 10


def test_numbers_go_from_one_colour_to_another_and_a_gap_is_grey():
    low, high, gap = strip_pixels(np.array([0.0, 1.0, np.nan]), HELD, is_class=False)[0, :, :3].tolist()

    assert low != high
    assert gap == [128, 128, 128]


def test_a_picture_is_a_png_with_every_pixel():
    uri = pixels_png(strip_pixels(np.array([0, 1, 2]), HELD, is_class=True))

    image = Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))
    assert image.size == (3, 2 * BAND + GAP)


def inside(drawn):
    """The SVG that an img element shows."""
    return ElementTree.fromstring(base64.b64decode(drawn.split("base64,")[1].split('"')[0]))


def points(drawn):
    return [float(point.split(",")[1]) for point in inside(drawn)[0].get("points").split()]


def test_a_line_falls_as_its_values_do_and_says_what_it_is():
    drawn = line_svg([4.0, 2.0, 0.0], "from <4> to 0")

    assert points(drawn) == sorted(points(drawn))
    assert drawn.startswith("<img ")
    assert 'alt="from &lt;4&gt; to 0"' in drawn
    assert len(points(line_svg([1.0], "one"))) == 2


def test_bars_are_as_high_as_their_values_and_none_is_lost():
    drawn = bars_svg([100, 0, 50, 0.001], "weights")

    heights = [float(bar.get("height")) for bar in inside(drawn)[0]]
    assert heights == [HEIGHT, 0, HEIGHT / 2, 2]
