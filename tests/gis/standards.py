"""The requirements of each conformance class that the service declares, by the identifiers of the standards.

OGC 17-069r4 (Features, Part 1), 18-058r1 (Part 2), 19-079r2 (Part 3), 21-065r2 (CQL2), 20-057 (Tiles, Part 1). The
test of a requirement has its identifier in its name, and but for tiles as docstring: that of ``/req/core/fc-links`` is
``test_req_core_fc_links``.
"""

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_FEATURES = "http://www.opengis.net/spec/ogcapi-features"
_CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf"
_TILES = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf"
_OF_ENCODINGS = (
    "basic-cql2 advanced-comparison-operators case-insensitive-comparison basic-spatial-functions "
    "basic-spatial-functions-plus spatial-functions temporal-functions property-property"
)
_CLASSES = {
    f"{_FEATURES}-1/1.0/conf/core": (
        "root-op root-success api-definition-op api-definition-success conformance-op conformance-success http "
        "query-param-unknown query-param-invalid crs84 fc-md-op fc-md-success fc-md-links fc-md-items "
        "fc-md-items-links fc-md-extent sfc-md-op sfc-md-success fc-op fc-limit-definition fc-limit-response-1 "
        "fc-bbox-definition fc-bbox-response fc-time-definition fc-time-response fc-response fc-links fc-rel-type "
        "fc-timeStamp fc-numberMatched fc-numberReturned f-op f-success f-links"
    ),
    f"{_FEATURES}-1/1.0/conf/oas30": (
        "oas-definition-1 oas-definition-2 oas-impl completeness exceptions-codes security"
    ),
    f"{_FEATURES}-1/1.0/conf/html": "definition content",
    f"{_FEATURES}-1/1.0/conf/geojson": "definition content",
    f"{_FEATURES}-2/1.0/conf/crs": (
        "crs-uri fc-md-crs-list fc-md-crs-list-global fc-md-storageCrs fc-md-storageCrs-valid-value "
        "fc-bbox-crs-definition fc-bbox-crs-valid-value fc-bbox-crs-valid-defaultValue fc-bbox-crs-action "
        "bbox-crs-exception fc-crs-definition fc-crs-valid-value fc-crs-default-value fc-crs-action crs-exception "
        "geojson ogc-crs-header ogc-crs-header-value"
    ),
    f"{_FEATURES}-3/1.0/conf/queryables": (
        "queryables-link get-queryables-op get-queryables-response expression-construction"
    ),
    f"{_FEATURES}-3/1.0/conf/filter": (
        "filter-param filter-lang-param filter-crs-wgs84 filter-crs-param mixing-expressions response"
    ),
    f"{_FEATURES}-3/1.0/conf/features-filter": (
        "get-queryables-op queryables-link filter-param filter-lang-param filter-crs-param response"
    ),
    f"{_CQL2}/cql2-text": f"{_OF_ENCODINGS} escaping",
    f"{_CQL2}/cql2-json": _OF_ENCODINGS,
    f"{_CQL2}/basic-cql2": "cql2-filter property binary-comparison-predicate null-predicate",
    f"{_CQL2}/advanced-comparison-operators": "like-predicate between-predicate in-predicate",
    f"{_CQL2}/case-insensitive-comparison": "casei-function",
    f"{_CQL2}/basic-spatial-functions": "spatial-predicate spatial-functions",
    f"{_CQL2}/basic-spatial-functions-plus": "spatial-data-types",
    f"{_CQL2}/spatial-functions": "spatial-data-types spatial-functions",
    f"{_CQL2}/temporal-functions": "temporal-predicates temporal-functions",
    f"{_CQL2}/property-property": "withdraw-permissions",
    f"{_TILES}/core": (
        "tc-tilematrix-definition tc-tilerow-definition tc-tilecol-definition tc-op tc-success tc-error "
        "conformance-success"
    ),
    f"{_TILES}/tileset": "description",
    f"{_TILES}/tilesets-list": "tileset-links tileset-path",
    f"{_TILES}/geodata-tilesets": "desc-links operation",
    f"{_TILES}/mvt": "content",
}

REQUIREMENTS = {
    uri: tuple(f"/req/{uri.rsplit('/', 1)[1]}/{name}" for name in names.split()) for uri, names in _CLASSES.items()
}
"""The identifiers of the requirements of each class."""


def name_of(requirement: str) -> str:
    """Give the name of the test of a requirement."""
    return "test" + requirement.replace("/", "_").replace("-", "_").lower()


@cache
def written() -> frozenset[tuple[str, str | None]]:
    """Give the tests that stand beside this file: name and docstring of each."""
    trees = [ast.parse(path.read_text()) for path in Path(__file__).parent.glob("test_*.py")]
    found = [node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)]
    return frozenset((one.name, ast.get_docstring(one)) for one in found if one.name.startswith("test_req_"))


def missing(classes: list[str], tests: Iterable[tuple[str, str | None]]) -> set[str]:
    """Give the classes that have no requirements here, and the requirements that have no test."""
    found = {uri for uri in classes if uri not in REQUIREMENTS}
    told = {(name, docstring or f"{name} of tiles") for name, docstring in tests}
    for uri in classes:
        for one in REQUIREMENTS.get(uri, ()):
            # Two standards have requirements of one name: those of tiles are told by having no docstring.
            docstring = f"{name_of(one)} of tiles" if _TILES in uri else one
            found |= set() if (name_of(one), docstring) in told else {one}
    return found
