"""The rows of a layer as batches of Arrow, one for each part that is read."""

from collections.abc import Iterator

import pyarrow as pa

from flashpoint.exports.content import Content
from flashpoint.layers import Kind
from flashpoint.store.layer_exports import Drawn

GEOMETRY = "geometry"
_TYPES = {Kind.TEXT: pa.string(), Kind.INTEGER: pa.int32(), Kind.NUMBER: pa.float64(), Kind.BOOLEAN: pa.bool_()}
#: Drivers know by this which column is the geometry, and that it is well-known binary.
_WKB = {b"ARROW:extension:name": b"geoarrow.wkb"}


def schema_of(content: Content, *, tagged: bool) -> pa.Schema:
    """Give the columns: the id, what the layer has, and the geometry, which is ``tagged`` for those who ask for it."""
    own = [pa.field(column.name, _TYPES[column.kind]) for column in content.columns]
    geometry = pa.field(GEOMETRY, pa.binary(), metadata=_WKB if tagged else None)
    return pa.schema([pa.field("id", pa.string(), nullable=False), *own, geometry])


def batches(content: Content, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Give the rows."""
    for part in content.parts(Drawn.WKB):
        rows = [[*content.values(row), row.geometry and bytes(row.geometry)] for row in part]
        arrays = [pa.array(values, field.type) for field, values in zip(schema, zip(*rows, strict=True), strict=True)]
        yield pa.record_batch(arrays, schema=schema)
