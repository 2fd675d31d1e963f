"""The colours of the tiers, as people see them who see all colours, and who do not, and as a copy in grey."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from flashpoint.tier_colours import OUTLINE, TIER_COLOURS
from flashpoint.types import Tier

#: Machado, Oliveira, Fernandes 2009, "A Physiologically-based Model for Simulation of Color Vision Deficiency", at full
#: severity, on linear sRGB.
SIGHT = {
    "full": np.eye(3),
    "without red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "without green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "without blue": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
#: sRGB to CIE XYZ, and the white of D65.
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
SCHEME = ("#ffffcc", "#ffeda0", "#fed976", "#feb24c", "#fd8d3c", "#fc4e2a", "#e31a1c", "#bd0026", "#800026")
LIGHT_TO_DARK = (Tier.WATCH, Tier.ELEVATED, Tier.HIGH, Tier.EXTREME)
TRAFFIC_LIGHT = ("#2ca02c", "#ffdd00", "#ff7f0e", "#d62728")


def linear(colour):
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def seen(colour, sight="full"):
    """Give a colour in CIE L*a*b*, as it is seen."""
    ratio = XYZ @ np.clip(np.array(SIGHT[sight]) @ linear(colour), 0, 1) / WHITE
    root = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def apart(colours, sight):
    """Give how far the two lie apart that lie next to each other (CIE76)."""
    return min(np.linalg.norm(seen(one, sight) - seen(other, sight)) for one, other in combinations(colours, 2))


def steps(colours, sight="full"):
    """Give how much darker each is than the one before."""
    return [seen(one, sight)[0] - seen(other, sight)[0] for one, other in pairwise(colours)]


def tiers():
    return [TIER_COLOURS[tier] for tier in LIGHT_TO_DARK]


def test_there_is_a_colour_for_each_tier():
    assert set(TIER_COLOURS) == set(Tier)
    assert set(TIER_COLOURS.values()) <= set(SCHEME)


def test_in_grey_each_tier_is_darker_than_the_one_below_it():
    assert min(steps(tiers())) >= 17
    # A copy weighs red, green and blue by what the eye makes of them, and some only count.
    for weights in ([0.299, 0.587, 0.114], [1 / 3, 1 / 3, 1 / 3]):
        greys = [int(colour[at : at + 2], 16) for colour in tiers() for at in (1, 3, 5)]
        shades = np.array(greys).reshape(-1, 3) @ weights
        assert (np.diff(shades) < -25).all()


@pytest.mark.parametrize("sight", SIGHT)
def test_tiers_are_told_apart_whichever_colours_one_sees(sight):
    assert apart(tiers(), sight) >= 26
    assert min(steps(tiers(), sight)) >= 15


def test_the_colours_of_a_traffic_light_would_not_do():
    assert min(apart(TRAFFIC_LIGHT, sight) for sight in SIGHT) < 15
    assert min(steps(TRAFFIC_LIGHT)) < 0


def test_no_other_four_of_the_scheme_lie_further_apart():
    def worst(colours):
        return min(apart(colours, sight) for sight in SIGHT)

    assert max(combinations(SCHEME, 4), key=worst) == tuple(tiers())


def test_the_outline_shows_on_the_lightest_and_on_paper():
    for colour in (TIER_COLOURS[Tier.WATCH], "#ffffff"):
        assert seen(colour)[0] - seen(OUTLINE)[0] > 50
