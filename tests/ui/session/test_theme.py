"""Colours that can be told from their background, by WCAG 2.2: lines 3 to 1, text 4.5 to 1."""

import tomllib
from pathlib import Path

import pytest

from fitdash.charts.theme import LINES, QUIET
from fitdash.ui.session import style

THEME = tomllib.loads((Path(__file__).parents[3] / ".streamlit/config.toml").read_text(encoding="utf-8"))["theme"]
MODES = ("light", "dark")


def colours(mode):
    """The theme of a mode, what it does not say taken from what both share."""
    return {**THEME, **THEME[mode]}


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", MODES)
def test_lines_stand_out_from_the_page(mode):
    theme = colours(mode)

    for colour in theme["chartCategoricalColors"]:
        assert contrast(colour, theme["backgroundColor"]) >= 3, colour


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ground", ["backgroundColor", "secondaryBackgroundColor"])
def test_text_can_be_read_on_both_grounds(mode, ground):
    theme = colours(mode)

    assert contrast(theme["textColor"], theme[ground]) >= 4.5
    assert contrast(theme["primaryColor"], theme[ground]) >= 3


def test_what_stays_in_place_has_the_ground_of_the_page():
    assert [colours(mode)["backgroundColor"] for mode in MODES] == [style.LIGHT, style.DARK]


@pytest.mark.parametrize("mode", MODES)
def test_curves_differ_in_dash_and_marker_and_in_lightness_or_hue_from_the_run_before(mode):
    assert len({look["dash"] for look in LINES.values()}) == len(LINES)
    assert len({look["symbol"] for look in LINES.values()}) == len(LINES)
    assert QUIET not in {look["color"] for look in LINES.values()}
    assert len(set(colours(mode)["chartCategoricalColors"])) > QUIET
