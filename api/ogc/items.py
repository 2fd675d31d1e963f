"""Items of a layer: from the matrix in memory where it has all that is asked for, else from the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import orjson

from api.layer_access import Entered
from api.layer_answers import Made
from api.ogc.counts import Counts
from api.ogc.ground import NO_TIME, Ground, written_feature
from api.ogc.links import GEOJSON, Link, Site
from api.ogc.query import ItemsQuery, cursor
from flashpoint.crs import CRS84, Crs
from flashpoint.errors import NotFound
from flashpoint.features import dumps
from flashpoint.layers import ABOUT, Layer, Stand
from flashpoint.matrix import CLASSIFICATION
from flashpoint.store import layer_reading
from flashpoint.store.engine import Database, Record, ReleaseReader
from flashpoint.store.layer_reading import Page
from flashpoint.store.layer_sources import Moved, Source, head_of_matrix, source, stand

_MISSING = "no such feature"
#: Features of the matrix in memory that are written in no time.
_FEW = 200


@dataclass(frozen=True, slots=True)
class Place:
    """Where items come from: the layer that was entered, the database, and the ground of the matrix, if it has one."""

    entered: Entered
    database: Database
    counts: Counts
    ground: Ground | None

    def has(self, asked: ItemsQuery) -> bool:
        """Say whether the matrix in memory has all that is asked for."""
        return asked.is_plain and self.ground is not None and self.entered.layer is not Layer.CHANGES

    def is_quick(self, asked: ItemsQuery) -> bool:
        """Say whether an answer is written in less time than it takes to wake a thread."""
        if not self.has(asked) or self.ground is None:
            return False
        area = asked.narrowed.area
        return self.ground.has_few(area, _FEW) if area is not None else asked.page.limit <= _FEW

    @property
    def moved(self) -> Moved | None:
        """What the layer of changes holds."""
        return self.ground.moved if self.ground is not None and self.entered.layer is Layer.CHANGES else None

    def source(self) -> Source:
        """Give the rows."""
        entered = self.entered
        return source(entered.layer, entered.operation, entered.audience, self.moved)


@dataclass(frozen=True, slots=True)
class _Page:
    """Features, finished, and how many there are on all pages. ``after`` is where the next page begins, if any."""

    head: bytes
    features: Sequence[bytes]
    matched: int
    after: str | None
    stand: Stand


def items(place: Place, asked: ItemsQuery, site: Site) -> Made:
    """Write a page as a FeatureCollection."""
    ground = place.ground if place.has(asked) else None
    page = _from_rows(place, asked) if ground is None else _from_memory(place.entered, ground, asked)
    counts = b'"numberMatched":%d,"numberReturned":%d' % (page.matched, len(page.features))
    links = b'"links":' + dumps(_links(place.entered, asked, site, page.after))
    head = [b'{"type":"FeatureCollection"', *_named(asked.page.crs), page.head, counts, links]
    body = b",".join([*head, b'"features":[' + b",".join(page.features) + b"]}"])
    return Made(body, page.stand, {"Content-Crs": f"<{asked.page.crs.uri}>"})


def item(place: Place, feature: str, crs: Crs, site: Site) -> Made:
    """Write one feature.

    Raises:
        NotFound: there is none with this id.
    """
    entered = place.entered
    with place.database.release_reader() as reader, layer_reading.reached():
        standing = _standing(entered, reader)
        found = layer_reading.one(reader, place.source(), feature, crs)
        head = _head(entered, reader, standing)
    if found is None:
        raise NotFound(_MISSING)
    path = f"/ogc/collections/{entered.layer}"
    asked = [] if crs is CRS84 else [("crs", crs.uri)]
    links = [
        *site.both(f"{path}/items/{feature}", GEOJSON, asked),
        site.link("collection", path, "application/json", title=ABOUT[entered.layer].title.en),
    ]
    written = _written(entered.layer, found, crs)[:-1]
    body = b",".join([written, *_named(crs), head, b'"links":' + dumps(links) + b"}"])
    return Made(body, standing, {"Content-Crs": f"<{crs.uri}>"})


def _named(crs: Crs) -> Sequence[bytes]:
    """Name the system in the way that tools read who know nothing of header fields; of degrees they assume it."""
    name = f"urn:ogc:def:crs:EPSG::{crs.srid}"
    return () if crs.is_geographic else (b'"crs":' + dumps({"type": "name", "properties": {"name": name}}),)


def _of_matrix(entered: Entered, head: bytes) -> bytes:
    return head + b',"stale":' + (b"false" if entered.age_seconds is None else b"true")


def _standing(entered: Entered, reader: ReleaseReader) -> Stand:
    """Give the state that is read. What has changed is told by the matrix in memory, and so is its state."""
    if entered.layer is Layer.CHANGES:
        return entered.stand
    return stand(reader, entered.layer, entered.operation, entered.audience)


def _head(entered: Entered, reader: ReleaseReader, standing: Stand) -> bytes:
    """Write what every output says of itself, of the state that is read."""
    if entered.sheet is not None and entered.layer is Layer.CHANGES:
        return _of_matrix(entered, entered.sheet.released.head)
    if entered.sheet is not None:
        return _of_matrix(entered, head_of_matrix(reader, entered.operation, entered.audience))
    told = {
        "operation": entered.operation,
        "audience": entered.audience,
        "classification": CLASSIFICATION[entered.audience],
        "protocol": entered.protocol,
        "as_of": standing.as_of,
        "stale": entered.age_seconds is not None,
    }
    return dumps(told)[1:-1]


def _links(entered: Entered, asked: ItemsQuery, site: Site, after: str | None) -> list[Link]:
    """Say where the next page is: without it every GIS client truncates in silence."""
    path = f"/ogc/collections/{entered.layer}"
    links = site.both(f"{path}/items", GEOJSON, asked.terms)
    if after is not None:
        # Whoever asked for more than a page holds gets pages of that size.
        terms = [*((n, v) for n, v in asked.terms if n != "limit"), ("limit", str(asked.page.limit)), ("after", after)]
        links.append(site.link("next", f"{path}/items", GEOJSON, parameters=terms))
    return [*links, site.link("collection", path, "application/json", title=ABOUT[entered.layer].title.en)]


# -- from memory ------------------------------------------------------------------------------------------------------


def _from_memory(entered: Entered, ground: Ground, asked: ItemsQuery) -> _Page:
    start = ground.behind(asked.page.after[-1] if asked.page.after else None)
    found: Sequence[int] = range(len(ground.ids))
    if asked.narrowed.area is not None:
        found = ground.touching(asked.narrowed.area)
    if not _is_of_time(entered, asked):
        found = ()
    page = [at for at in found if at >= start][: asked.page.limit + 1] if start else found[: asked.page.limit + 1]
    more, page = len(page) > asked.page.limit, page[: asked.page.limit]
    ranked = entered.layer is Layer.MATRIX
    write = (
        partial(_narrower, ground, asked, ranked)
        if asked.properties is not None
        else partial(ground.feature, ranked=ranked)
    )
    features = list(map(write, page))
    head = _of_matrix(entered, ground.sheet.released.head)
    return _Page(head, features, len(found), ground.ids[page[-1]] if more else None, entered.stand)


def _narrower(ground: Ground, asked: ItemsQuery, ranked: bool, at: int) -> bytes:  # noqa: FBT001 - bound beforehand
    """Write a feature with those members alone that were asked for."""
    properties = _chosen(ground.ranked(at) if ranked else ground.plain(at), asked)
    return written_feature(ground.ids[at], ground.shape(at), properties, ground.time if ranked else NO_TIME)


def _is_of_time(entered: Entered, asked: ItemsQuery) -> bool:
    """Say whether the moment of the matrix lies in the interval. What has no time is of all times."""
    if asked.narrowed.during is None or not ABOUT[entered.layer].timed:
        return True
    begin, end = asked.narrowed.during
    as_of = entered.stand.as_of
    return (begin is None or begin <= as_of) and (end is None or as_of <= end)


# -- from the database ------------------------------------------------------------------------------------------------


def _from_rows(place: Place, asked: ItemsQuery) -> _Page:
    entered, rows = place.entered, place.source()
    with place.database.release_reader() as reader, layer_reading.reached():
        standing = _standing(entered, reader)
        found = layer_reading.page(reader, rows, asked.narrowed, asked.page)
        head = _head(entered, reader, standing)
        key = (entered.operation, entered.audience, entered.layer, standing, asked.narrowed.told)
        # What fits on the first page is counted already.
        is_all = asked.page.after is None and len(found) <= asked.page.limit
        counted = partial(layer_reading.count, reader, rows, asked.narrowed)
        matched = len(found) if is_all else place.counts.get(key, counted)
    page = found[: asked.page.limit]
    features = [_written(entered.layer, row, asked.page.crs, asked) for row in page]
    after = _behind(asked.page, page[-1]) if len(found) > len(page) else None
    return _Page(head, features, matched, after, standing)


def _behind(page: Page, last: Record) -> str:
    return cursor(page.order, [getattr(last, f"key_{at}") for at in range(len(page.order.keys))], last.id)


def _written(layer: Layer, row: Record, crs: Crs, asked: ItemsQuery | None = None) -> bytes:
    properties = row.properties.encode()
    if asked is not None:
        properties = _chosen(properties, asked)
    shape = b"null" if row.shape is None else row.shape.encode()
    # A time marks a feature of JSON-FG, whose geometry is in degrees by definition: GDAL would take metres for them.
    return written_feature(row.id, shape, properties, _time(layer, row) if crs.is_geographic else None)


def _chosen(properties: bytes, asked: ItemsQuery) -> bytes:
    """Leave out the members that were not asked for."""
    if asked.properties is None:
        return properties
    told = orjson.loads(properties)
    return dumps({name: told[name] for name in told if name in asked.properties})


def _time(layer: Layer, row: Record) -> bytes:
    """Write when a feature is, as JSON-FG does: an instant, a day, or an interval of days or of instants."""
    if row.begins is None:
        return NO_TIME
    if layer in {Layer.INCIDENTS, Layer.COMMUNITIES}:
        first, last = row.begins.astimezone(UTC).date(), row.ends.astimezone(UTC).date()
        return dumps({"date": first} if first == last else {"interval": [first, last]})
    return _instant(row.begins) if row.begins == row.ends else dumps({"interval": [_utc(row.begins), _utc(row.ends)]})


def _instant(at: datetime) -> bytes:
    return dumps({"timestamp": _utc(at)})


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
