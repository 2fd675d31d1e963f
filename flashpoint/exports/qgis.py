"""Styles as QGIS reads them, and a layer definition that opens the matrix from this service, styled by tier.

The definition holds no key. It names an authentication configuration, which whoever opens it has in their own QGIS.
"""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

from flashpoint.catalogue import TIER_NAMES
from flashpoint.layers import ABOUT, Layer
from flashpoint.tier_colours import OUTLINE, POINT, POINT_RIM, TIER_COLOURS

#: The id of the authentication configuration: seven letters, as QGIS wants it.
AUTHENTICATION = "flashpt"
_VERSION = "3.22.0"
_NO_FILL = "#ffffff"


def style(layer: Layer) -> str:
    """Write the style of a layer (QML): the matrix by tier, localities as outlines, the others as points."""
    root = Element("qgis", {"version": _VERSION, "styleCategories": "Symbology"})
    root.append(renderer(layer))
    return f"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n{tostring(root, encoding='unicode')}"


def renderer(layer: Layer) -> Element:
    """Make the element that draws a layer."""
    if layer is Layer.MATRIX:
        return _by_tier()
    made = Element("renderer-v2", {"type": "singleSymbol", "symbollevels": "0", "enableorderby": "0"})
    symbols = SubElement(made, "symbols")
    if layer.is_drawn_as_areas:
        _fill(symbols, "0", {"color": _rgba(_NO_FILL), "style": "no"})
    elif layer is Layer.COMMUNITIES:
        _marker(symbols, "0", "diamond")
    else:
        _marker(symbols, "0", "circle")
    return made


def definition(title: str, source: str) -> bytes:
    """Write a layer definition (QLR) of the matrix, whose source is an OGC API - Features."""
    root, one = Element("qlr"), f"flashpoint_{Layer.MATRIX}"
    group = SubElement(root, "layer-tree-group", {"name": "", "checked": "Qt::Checked", "expanded": "1"})
    about = {"id": one, "name": title, "providerKey": "OAPIF", "source": source}
    SubElement(group, "layer-tree-layer", {**about, "checked": "Qt::Checked", "expanded": "1"})
    layer = SubElement(SubElement(root, "maplayers"), "maplayer", {"type": "vector", "geometry": "Polygon"})
    for name, text in {"id": one, "datasource": source, "layername": title, "abstract": _abstract()}.items():
        SubElement(layer, name).text = text
    system = SubElement(SubElement(layer, "srs"), "spatialrefsys")
    SubElement(system, "authid").text = "EPSG:4326"
    SubElement(layer, "provider", {"encoding": "UTF-8"}).text = "OAPIF"
    layer.append(renderer(Layer.MATRIX))
    return f"<!DOCTYPE qgis-layer-definition>\n{tostring(root, encoding='unicode')}".encode()


def source(origin: str, operation: str | None) -> str:
    """Name the matrix of this service as QGIS names the layers of an OGC API - Features."""
    query = "" if operation is None else f"?operation={operation}"
    return (
        f"authcfg={AUTHENTICATION} pagingEnabled='true' srsname='OGC:CRS84' typename='{Layer.MATRIX}' "
        f"url='{origin}/ogc{query}'"
    )


def _abstract() -> str:
    return ABOUT[Layer.MATRIX].description.en


def _by_tier() -> Element:
    made = Element("renderer-v2", {"type": "categorizedSymbol", "attr": "tier", "symbollevels": "0"})
    categories, symbols = SubElement(made, "categories"), SubElement(made, "symbols")
    for at, (tier, colour) in enumerate(TIER_COLOURS.items()):
        told = TIER_NAMES[tier]
        about = {"value": tier, "type": "string", "label": f"{told['en']} / {told['fr']}"}
        SubElement(categories, "category", {"symbol": str(at), "render": "true", **about})
        _fill(symbols, str(at), {"color": _rgba(colour), "style": "solid"})
    return made


def _fill(symbols: Element, name: str, options: Mapping[str, str]) -> None:
    line = {"outline_color": _rgba(OUTLINE), "outline_style": "solid", "outline_width": "0.26"}
    _symbol(symbols, ("fill", name, "SimpleFill"), {**options, **line, "outline_width_unit": "MM"})


def _marker(symbols: Element, name: str, shape: str) -> None:
    line = {"outline_color": _rgba(POINT_RIM), "outline_style": "solid", "outline_width": "0.4"}
    told = {"name": shape, "color": _rgba(POINT), "size": "2.4", "size_unit": "MM"}
    _symbol(symbols, ("marker", name, "SimpleMarker"), {**told, **line, "outline_width_unit": "MM"})


def _symbol(symbols: Element, what: tuple[str, str, str], options: Mapping[str, str]) -> None:
    kind, name, drawn = what
    symbol = SubElement(symbols, "symbol", {"type": kind, "name": name, "alpha": "1", "clip_to_extent": "1"})
    layer = SubElement(symbol, "layer", {"class": drawn, "enabled": "1", "locked": "0", "pass": "0"})
    group = SubElement(layer, "Option", {"type": "Map"})
    for option, value in options.items():
        SubElement(group, "Option", {"type": "QString", "name": option, "value": value})


def _rgba(rgb: str) -> str:
    """Write a colour as QGIS does: red, green, blue, opacity."""
    return ",".join(str(int(rgb[at : at + 2], 16)) for at in (1, 3, 5)) + ",255"
