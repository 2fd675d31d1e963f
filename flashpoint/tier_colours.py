"""The colours of the tiers, for every map that is drawn of the matrix: style of the tiles, files, QGIS layers. Pure.

They are four of the nine classes of ColorBrewer's sequential scheme YlOrRd (Cynthia Brewer, The Pennsylvania State
University, colorbrewer2.org, Apache 2.0), which is made to be told apart by people who do not see red or green. Which
four is by calculation: of all choices of four within the scheme these lie furthest apart for whoever does not see
green, red or blue (CIE76 of 26 or more between any two, simulated after Machado, Oliveira and Fernandes 2009). Each
tier is darker than the one below it, by 17 of CIE L* or more, so that a copy in black and white reads the same.
``tests/test_tier_colours.py`` computes all of it anew.
"""

from flashpoint.types import Tier

#: Fill of an area, as sRGB. The more urgent, the darker.
TIER_COLOURS: dict[Tier, str] = {
    Tier.EXTREME: "#800026",
    Tier.HIGH: "#e31a1c",
    Tier.ELEVATED: "#feb24c",
    Tier.WATCH: "#ffffcc",
}
#: The line around an area: tells neighbours of one tier apart, and the lightest tier from white paper.
OUTLINE = "#4d4d4d"
#: Points of incidents and of communities, which may lie on any tier: told apart by shape or rim, not by colour alone.
POINT, POINT_RIM = "#1a1a1a", "#ffffff"
