"""Features as people read them: a table of many, with ways to sort and narrow it down, or the sheet of one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.ogc import addresses, wording
from api.ogc.wording import say
from flashpoint.crs import CRS84
from flashpoint.language import LANGUAGES, Code
from flashpoint.layers import ABOUT, Column, Layer, Text, columns, value_of
from flashpoint.types import Audience

Document = Mapping[str, Any]
View = dict[str, Any]

#: Every column that any layer has, by its name. The cluster's have all of the mission's.
COLUMNS: Final[Mapping[str, Column]] = {
    column.name: column for layer in Layer for column in columns(layer, Audience.CLUSTER)
}
TITLES: Final[Mapping[str, Text]] = {
    **{name: column.title for name, column in COLUMNS.items()},
    "geometry": wording.PHRASES["shape"],
    "id": wording.PHRASES["id"],
    "time": wording.PHRASES["time"],
}
#: What people look for first; the other columns follow in their own order.
_FIRST: Final = ("name", "rank", "tier", "score")
_SIZES: Final = ("100", "1000")
_LIMITS: Final = {"filter": "drop_filter", "datetime": "drop_datetime", "bbox": "drop_bbox"}
#: What is said along with a limit, and goes with it.
_ALONG: Final = {"filter": ("filter-lang", "filter-crs"), "bbox": ("bbox-crs",), "datetime": ()}


@dataclass(frozen=True, slots=True)
class _Table:
    """What a table of features is made of; ``address`` is ``None`` where the document names none of its own."""

    layer: Layer | None
    columns: tuple[Column, ...]
    address: str | None
    language: Code


def listing(document: Document, language: Code) -> View:
    """Give what the page of a collection's items shows."""
    features: Sequence[Document] = document.get("features") or []
    table = _table(document, features, language)
    return {
        "count": _count(document, len(features), language),
        "columns": [_header(table, column) for column in table.columns],
        "named": bool(table.columns) and table.columns[0].name == "name",
        "rows": [_row(table, feature) for feature in features],
        "pages": _pages(document, language),
        "sizes": _sizes(table),
        "limits": list(_limits(table)),
        "forms": list(_forms(table, features)),
        "queryables": _beside(table, "queryables"),
    }


def single(document: Document, language: Code) -> View:
    """Give what the page of one item shows."""
    table = _table(document, [document], language)
    facts = [_fact(table, column, document) for column in table.columns]
    if told := _time(document.get("time"), language):
        facts.append({"title": say("time", language), "text": told, "tier": None})
    if told := _shape(table, document.get("geometry")):
        facts.append({"title": say("shape", language), "text": told, "tier": None})
    facts.append({"title": say("id", language), "text": str(document.get("id", "")), "tier": None})
    return {"heading": _label(table, document), "facts": facts}


def _table(document: Document, features: Sequence[Document], language: Code) -> _Table:
    address = addresses.here(document)
    found = addresses.collection_of(address)
    layer = Layer(found) if found in set(Layer) else None
    return _Table(layer, _shown(layer, features), address, language)


def _shown(layer: Layer | None, features: Sequence[Document]) -> tuple[Column, ...]:
    """Choose the columns that the features have, the name first: it heads the row. Then what is looked for."""
    there = {name for feature in features for name in (feature.get("properties") or {})}
    known = columns(layer, Audience.CLUSTER) if layer else tuple(COLUMNS.values())
    shown = [column for column in known if column.path[0] in there]
    return tuple(sorted(shown, key=lambda one: _FIRST.index(one.name) if one.name in _FIRST else len(_FIRST)))


def _header(table: _Table, column: Column) -> View:
    view = {"title": wording.of(column.title, table.language), "href": None, "sorted": None, "number": _right(column)}
    if table.address is None:
        return view
    now = addresses.parameters(table.address).get("sortby", "").lstrip("+ ")
    order = {column.name: "ascending", f"-{column.name}": "descending"}.get(now)
    by = f"-{column.name}" if order == "ascending" else column.name
    return view | {"href": addresses.changed(table.address, sortby=by), "sorted": order}


def _right(column: Column) -> bool:
    return column.kind in {"integer", "number"}


def _row(table: _Table, feature: Document) -> View:
    cells = [column for column in table.columns if column.name != "name"]
    return {
        "label": _label(table, feature),
        "href": _address_of(table, feature),
        "cells": [_fact(table, column, feature) | {"number": _right(column)} for column in cells],
    }


def _fact(table: _Table, column: Column, feature: Document) -> View:
    found = value_of(feature.get("properties") or {}, column)
    return {
        "title": wording.of(column.title, table.language),
        "text": wording.value(column, found, table.language),
        "tier": wording.tier(column, found),
    }


def _label(table: _Table, feature: Document) -> str:
    """Name a feature: by its name, or else by what it is, when and where, for ids tell people nothing."""
    properties, language = feature.get("properties") or {}, table.language
    if name := properties.get("name"):
        return str(name)
    told = [
        wording.value(COLUMNS[column], properties[column], language)
        for column in ("category", "period", "zone_name")
        if properties.get(column)
    ]
    if table.layer is Layer.COMMUNITIES:
        told.insert(0, say("community", language))
    return ", ".join(told) or str(feature.get("id", ""))


def _address_of(table: _Table, feature: Document) -> str | None:
    if table.layer is None or table.address is None or feature.get("id") is None:
        return None
    return addresses.above(table.address, "collections", table.layer, "items", str(feature["id"]))


def _beside(table: _Table, name: str) -> str | None:
    if table.layer is None or table.address is None:
        return None
    return addresses.above(table.address, "collections", table.layer, name)


# -- pages, and what narrows them down --------------------------------------------------------------------------------


def _count(document: Document, shown: int, language: Code) -> str:
    number = LANGUAGES[language].number
    matched = document.get("numberMatched")
    if not isinstance(matched, int):
        return say("count_shown", language, shown=number(shown))
    return say("count", language, shown=number(shown), all=number(matched))


def _pages(document: Document, language: Code) -> list[tuple[str, str, str]]:
    found = {str(link.get("rel")): addresses.as_page(str(link["href"])) for link in addresses.links(document)}
    return [(rel, found[rel], say(rel, language)) for rel in ("first", "prev", "next") if rel in found]


def _sizes(table: _Table) -> list[tuple[str, str, bool]]:
    if table.address is None:
        return []
    now = addresses.parameters(table.address).get("limit", _SIZES[0])
    number = LANGUAGES[table.language].number
    return [(number(int(one)), addresses.changed(table.address, limit=one), one == now) for one in _SIZES]


def _limits(table: _Table) -> Iterator[View]:
    """Give what narrows the result down now, and where to go without it."""
    given = addresses.parameters(table.address or "")
    for name, text in _LIMITS.items():
        if given.get(name):
            without = addresses.changed(table.address or "", **dict.fromkeys((name, *_ALONG[name])))
            yield {"name": name, "value": given[name], "href": without, "text": say(text, table.language)}


def _forms(table: _Table, features: Sequence[Document]) -> Iterator[View]:
    """Give a form for each thing that can be typed: one for each, since a field left empty would be sent too."""
    if table.address is None:
        return
    if table.layer is None or ABOUT[table.layer].timed:
        yield _form(table, "datetime", say("datetime_hint", table.language))
    if example := _example(table, features):
        yield _form(table, "filter", say("filter_hint", table.language, example=example))


def _form(table: _Table, name: str, hint: str) -> View:
    address = table.address or ""
    given = addresses.parameters(addresses.changed(address, **dict.fromkeys((name, *_ALONG[name]))))
    return {
        "name": name,
        "action": addresses.path(address),
        "hidden": list(given.items()),
        "title": say(name, table.language),
        "hint": hint,
        "button": say(f"apply_{name}", table.language),
        "value": addresses.parameters(address).get(name, ""),
    }


def _example(table: _Table, features: Sequence[Document]) -> str | None:
    """Write a filter that finds something, of what is on the page."""
    chosen = sorted((column for column in table.columns if column.kind == "text"), key=lambda one: not one.choices)
    for column in chosen:
        for feature in features:
            if isinstance(found := value_of(feature.get("properties") or {}, column), str):
                literal = found.replace("'", "''")
                return f"{column.name} = '{literal}'"
    return None


# -- one feature ------------------------------------------------------------------------------------------------------


def _time(time: Any, language: Code) -> str | None:  # noqa: ANN401 - a member of JSON
    if not isinstance(time, dict):
        return None
    if isinstance(ends := time.get("interval"), list):
        return wording.interval(str(ends[0]), str(ends[-1]), language)
    told = time.get("timestamp") or time.get("date")
    return wording.moment(str(told), language) if told else None


def _shape(table: _Table, geometry: Any) -> str | None:  # noqa: ANN401 - a member of JSON
    if not isinstance(geometry, dict):
        return None
    language = table.language
    if geometry.get("type") != "Point":
        return say("an_area", language)
    if addresses.parameters(table.address or "").get("crs", CRS84.uri) != CRS84.uri:
        # Who asks for another system knows which number is which.
        return say("numbers", language, first=geometry["coordinates"][0], second=geometry["coordinates"][1])
    longitude, latitude = (f"{one:.5f}".replace(".", LANGUAGES[language].point) for one in geometry["coordinates"][:2])
    return say("a_point", language, longitude=longitude, latitude=latitude)
