"""Layers as GeoParquet 1.1: well-known binary in longitude and latitude, the imprint as metadata of the file."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from flashpoint.exports.batches import GEOMETRY, batches, schema_of
from flashpoint.exports.content import Content
from flashpoint.features import dumps
from flashpoint.layers import ABOUT

#: Rows that are compressed together. As many are in memory.
_GROUP = 20_000


def write(content: Content, path: Path) -> None:
    """Write the file, a group of rows at a time."""
    schema = schema_of(content, tagged=False).with_metadata(content.imprint.lines())
    extent = _Extent()
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in _groups(batches(content, schema)):
            extent.add(group.column(GEOMETRY))
            writer.write_table(group, row_group_size=_GROUP)
        # Where everything lies is known once everything was seen.
        writer.add_key_value_metadata({"geo": dumps(_geo(content, extent)).decode()})


def _groups(found: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    for batch in found:
        waiting.append(batch)
        if sum(map(len, waiting)) >= _GROUP:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


class _Extent:
    """The box around all geometries that were added."""

    def __init__(self) -> None:
        self.box: list[float] | None = None

    def add(self, geometries: pa.ChunkedArray) -> None:
        bounds = shapely.bounds(shapely.from_wkb(geometries.to_numpy()))
        bounds = bounds[~np.isnan(bounds).any(axis=1)]
        if not len(bounds):
            return
        both = bounds if self.box is None else np.vstack([bounds, self.box])
        self.box = [*both[:, :2].min(axis=0).tolist(), *both[:, 2:].max(axis=0).tolist()]


def _geo(content: Content, extent: _Extent) -> dict[str, object]:
    """Describe the geometry. Without a reference system it is longitude and latitude (OGC:CRS84)."""
    box = {} if extent.box is None else {"bbox": extent.box}
    shape = ABOUT[content.imprint.layer].shape
    column = {"encoding": "WKB", "geometry_types": [shape] if content.tally.placed else [], **box}
    return {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
