"""Layers as KML 2.3 for whoever has a globe and no GIS: styled by tier, every column as typed extended data."""

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from flashpoint.catalogue import TIER_NAMES
from flashpoint.exports.content import Content, Value
from flashpoint.exports.plain import text_of, xml_text
from flashpoint.layers import Kind
from flashpoint.store.engine import Record
from flashpoint.store.layer_exports import Drawn
from flashpoint.tier_colours import OUTLINE, POINT, TIER_COLOURS
from flashpoint.types import Tier

_TYPES = {Kind.TEXT: "string", Kind.INTEGER: "int", Kind.NUMBER: "double", Kind.BOOLEAN: "bool"}
_PLAIN = "plain"


def write(content: Content, path: Path) -> None:
    """Write the file, a row at a time."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        _head(file, content)
        for row in content.rows(Drawn.KML):
            file.write(f"{_placemark(content, row)}\n")
        file.write("</Document></kml>\n")


def _head(file: TextIO, content: Content) -> None:
    imprint = content.imprint
    file.write('<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>\n')
    file.write(f"<name>{xml_text(imprint.title.en)}</name>\n")
    file.write(f"<description>{xml_text(imprint.description.en)} {xml_text(imprint.licence)}</description>\n")
    file.writelines(f"{line}\n" for line in _styles())
    file.write("<ExtendedData>\n")
    said = imprint.lines().items()
    file.writelines(f'<Data name="{name}"><value>{xml_text(value)}</value></Data>\n' for name, value in said)
    fields = [("id", "string"), *((one.name, _TYPES[one.kind]) for one in content.columns)]
    file.write(f'</ExtendedData>\n<Schema name="{content.name}" id="{content.name}">\n')
    file.writelines(f'<SimpleField name="{name}" type="{kind}"/>\n' for name, kind in fields)
    file.write("</Schema>\n")


def _styles() -> Iterator[str]:
    line = f"<LineStyle><color>{_colour(OUTLINE)}</color><width>1</width></LineStyle>"
    for tier, colour in TIER_COLOURS.items():
        fill = f"<PolyStyle><color>{_colour(colour)}</color></PolyStyle>"
        yield f'<Style id="{tier}">{line}{fill}</Style>'
    point = f"<IconStyle><color>{_colour(POINT)}</color></IconStyle>"
    yield f'<Style id="{_PLAIN}">{point}{line}<PolyStyle><fill>0</fill></PolyStyle></Style>'


def _colour(rgb: str) -> str:
    """Write a colour as KML does: opacity, blue, green, red."""
    return f"ff{rgb[5:7]}{rgb[3:5]}{rgb[1:3]}"


def _placemark(content: Content, row: Record) -> str:
    values = dict(zip(["id", *(one.name for one in content.columns)], content.values(row), strict=True))
    data = "".join(
        f'<SimpleData name="{name}">{xml_text(value)}</SimpleData>'
        for name, value in values.items()
        if value is not None
    )
    style = text_of(values.get("tier")) or _PLAIN
    return (
        f'<Placemark id="{content.name}.{row.id}"><name>{xml_text(_name(values))}</name>{_span(row)}'
        f"<styleUrl>#{style}</styleUrl>"
        f'<ExtendedData><SchemaData schemaUrl="#{content.name}">{data}</SchemaData></ExtendedData>'
        f"{row.geometry or ''}</Placemark>"
    )


def _name(values: dict[str, Value]) -> str:
    """Name a feature: by its own name, or by its zone; of the matrix with rank and tier, in both languages."""
    name = text_of(values.get("name") or values.get("zone_name") or values.get("zone"))
    if "tier" not in values:
        return name
    told = TIER_NAMES[Tier(text_of(values["tier"]))]
    return f"{values['rank']}. {name} ({told['en']} / {told['fr']})"


def _span(row: Record) -> str:
    if row.first_day is None:
        return ""
    return f"<TimeSpan><begin>{row.first_day}</begin><end>{row.last_day}</end></TimeSpan>"
