"""OGC API - Features, Part 1 (OGC 17-069r4): the requirements classes OpenAPI 3.0 and HTML, one test a requirement."""

from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from made import Page
from ogc import GEOJSON, HTML, LAYERS, PROBLEM, link, path_of
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import OpenAPIV30SpecValidator
from service import NOBODY

OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
#: An answer of each route and layer, as the path says it in the description.
ROUTES = {
    "/": [""],
    "/api": ["/api"],
    "/conformance": ["/conformance"],
    "/collections": ["/collections"],
    "/collections/{collectionId}": [f"/collections/{layer}" for layer in LAYERS],
    "/collections/{collectionId}/queryables": [f"/collections/{layer}/queryables" for layer in LAYERS],
    "/collections/{collectionId}/items": [f"/collections/{layer}/items" for layer in LAYERS],
}
FEATURE = "/collections/{collectionId}/items/{featureId}"


@pytest.fixture(scope="module")
def described(ogc):
    return ogc.document("/api")


def whole(document, schema):
    """Put what a schema refers to in its place."""
    if isinstance(schema, list):
        return [whole(document, one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        found = document
        for name in schema["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return whole(document, found)
    return {name: whole(document, value) for name, value in schema.items()}


def routes(ogc):
    """Give every path of the description with the paths that are asked for it."""
    yield from ROUTES.items()
    yield FEATURE, [f"/collections/{layer}/items/{one}" for layer in LAYERS for one in ogc.ids(layer)[:2]]


def wrong(described, path, answer):
    """Give what an answer has that the description does not say."""
    told = described["paths"][path]["get"]["responses"]
    content = (told.get(str(answer.status_code)) or told["default"])["content"]
    named = {media.replace(" ", ""): one for media, one in content.items()}
    media = answer.headers["content-type"].replace(" ", "").removesuffix(";charset=utf-8")
    if media not in named:
        return [media]
    schema = whole(described, named[media]["schema"])
    document = answer.text if media == HTML else answer.json()
    return [error.message[:200] for error in OAS30Validator(schema).iter_errors(document)]


def test_req_oas30_oas_definition_1(ogc):
    """/req/oas30/oas-definition-1"""
    landing = ogc.document()
    assert ogc.get(path_of(link(landing, "service-desc", OPENAPI)["href"])).json()["openapi"] == "3.0.3"
    assert link(landing, "service-doc")["type"] == HTML


def test_req_oas30_oas_definition_2(described):
    """/req/oas30/oas-definition-2"""
    OpenAPIV30SpecValidator(described).validate()


def test_req_oas30_oas_impl(ogc, described):
    """/req/oas30/oas-impl"""
    assert {path for path, _ in routes(ogc)} <= set(described["paths"])
    for path, asked in routes(ogc):
        for one in asked:
            assert wrong(described, path, ogc.get(one)) == []
    # Every parameter of every path is taken as it is described.
    values = {
        "f": "json",
        "operation": ogc.operation.code,
        "limit": 2,
        "bbox": "18,4,19,5",
        "datetime": "2026-01-01/..",
    }
    values |= {"bbox-crs": "{crs}", "crs": "{crs}", "filter-crs": "{crs}", "filter-lang": "cql2-text", "filter": "TRUE"}
    values |= {"properties": "name", "sortby": "-name", "after": ogc.ids("matrix")[0]}
    crs = ogc.document("/collections/matrix")["crs"][1]
    for path, [asked, *_] in routes(ogc):
        for one in whole(described, described["paths"][path]["get"]["parameters"]):
            if one["in"] == "query" and one["name"] != "after":
                answer = ogc.get(asked, **{one["name"]: str(values[one["name"]]).format(crs=crs)})
                assert answer.status_code == 200, (path, one["name"], answer.text)
    assert ogc.ask("matrix", after=values["after"]).json()["features"]


def test_a_description_that_says_something_else_is_found(ogc, described):
    other = {**described, "components": {**described["components"], "schemas": {**described["components"]["schemas"]}}}
    other["components"]["schemas"]["link"] = {"type": "object", "required": ["nothing"]}
    assert wrong(other, "/", ogc.get())
    assert wrong(described, "/api", ogc.get())


def test_req_oas30_completeness(ogc, described):
    """/req/oas30/completeness"""
    for path, asked in routes(ogc):
        told = described["paths"][path]["get"]["responses"]["200"]["content"]
        for one in asked[:1]:
            found = {ogc.get(one, f=form).headers["content-type"].removesuffix("; charset=utf-8") for form in FORMS}
            assert {each.replace(" ", "") for each in found} == set(told)


FORMS = ("json", "html")


def test_req_oas30_exceptions_codes(ogc, described):
    """/req/oas30/exceptions-codes"""
    for path, [asked, *_] in routes(ogc):
        answers = {
            ogc.get(asked, nothing=1): 400,
            ogc.get(asked, {"Authorization": "Bearer nobody"}): 401,
            ogc.get(asked.replace("matrix", "nowhere"), operation="NOWHERE"): 404 if "collections" in path else 200,
        }
        for answer, status in answers.items():
            assert answer.status_code == status, (path, answer.text)
            assert wrong(described, path, answer) == []
            assert status == 200 or answer.headers["content-type"] == PROBLEM
    assert wrong(described, FEATURE, ogc.get(f"/collections/matrix/items/{NOBODY}")) == []


def test_req_oas30_security(ogc, described):
    """/req/oas30/security"""
    schemes = {(one["type"], one["scheme"]) for one in described["components"]["securitySchemes"].values()}
    assert schemes == {("http", "bearer"), ("http", "basic")}
    assert {name for one in described["security"] for name in one} == set(described["components"]["securitySchemes"])
    for path, [asked, *_] in routes(ogc):
        assert ogc.caller.client.get(f"/ogc{asked}").status_code == 401, path
        assert ogc.caller.client.get(f"/ogc{asked}", auth=("anybody", ogc.caller.token)).status_code == 200


# -- HTML -------------------------------------------------------------------------------------------------------------


class Shown(HTMLParser):
    """What a page shows, and where its links lead."""

    def __init__(self, text):
        super().__init__()
        self.links, self.words, self._in = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag in {"style", "title", "head"}:
            self._in.append(tag)
        if tag == "a":
            self.links.add(dict(attributes)["href"])

    def handle_endtag(self, tag):
        if tag in self._in:
            self._in.remove(tag)

    def handle_data(self, data):
        if not self._in:
            self.words.append(data)


def test_req_html_definition(ogc):
    """/req/html/definition"""
    for _, asked in routes(ogc):
        for one in asked:
            for answer in (ogc.get(one, f="html"), ogc.get(one, {"Accept": HTML})):
                assert answer.status_code == 200, one
                assert answer.headers["content-type"] == f"{HTML}; charset=utf-8"


def test_req_html_content(ogc):
    """/req/html/content"""
    for path, asked in routes(ogc):
        for one in asked:
            page, document = ogc.get(one, f="html").text, ogc.document(one)
            assert page.lower().startswith("<!doctype html>")
            assert Page(page).wrong == []
            shown = Shown(page)
            reached = {urlsplit(each).path for each in shown.links}
            for each in document.get("links", ()):
                # A page says where it is by being there.
                if each["rel"] != "self" and urlsplit(each["href"]).path != urlsplit(f"/ogc{one}").path:
                    assert urlsplit(each["href"]).path in reached, (one, each)
            words = " ".join(" ".join(shown.words).split())
            for each in told(path, document):
                assert each in words, (one, each)


def told(path, document):
    """Give what a page has to say besides its links."""
    if path == "/conformance":
        return document["conformsTo"]
    if path == "/api":
        return list(document["paths"])
    if path.endswith("/queryables"):
        return list(document["properties"])
    if path.endswith(("/items", "{featureId}")):
        features = document.get("features", [document])
        names = [one["properties"].get("name") or one["properties"]["zone_name"] for one in features]
        return [" ".join(name.split()) for name in names]
    if path == "/collections":
        return [one["title"] for one in document["collections"]]
    return [document["title"]] if path == "/collections/{collectionId}" else []


def test_the_page_of_features_links_to_each_of_them(ogc):
    for layer in LAYERS:
        reached = {urlsplit(one).path for one in Shown(ogc.ask(layer, f="html").text).links}
        assert {f"/ogc/collections/{layer}/items/{one}" for one in ogc.ids(layer)} <= reached


def test_what_comes_from_the_data_is_text_on_a_page(ogc):
    assert GEOJSON not in ogc.ask("matrix", f="html").headers["content-type"]
    page = ogc.ask("matrix", f="html", filter="name <> '<script>alert(1)</script>'").text
    assert "<script" not in page.lower()
