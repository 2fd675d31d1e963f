"""Every route of the app, and which roles are let in: the whole of it. A new route is declared here."""

from fastapi.routing import APIRoute
from starlette.routing import Mount

from api.deps import May
from flashpoint.types import Role

EVERYONE = frozenset(Role)
RECORDS = frozenset({Role.ANALYST, Role.VERIFIER, Role.COORDINATOR})
OWNERS = frozenset({Role.COORDINATOR})
AUDITORS = frozenset({Role.AUDITOR})

PUBLIC = {
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("HEAD", "/openapi.json"),
    ("GET", "/docs/assets"),
    ("GET", "/v1/sign-in"),
    ("GET", "/v1/sign-in/callback"),
    ("POST", "/v1/sign-out"),
}
ALLOWED = {
    ("GET", "/v1/matrix"): EVERYONE,
    ("HEAD", "/v1/matrix"): EVERYONE,
    ("GET", "/v1/matrix/changes"): EVERYONE,
    ("GET", "/v1/matrix/{locality}"): EVERYONE,
    ("HEAD", "/v1/matrix/{locality}"): EVERYONE,
    **{
        (method, f"/v1/released/{collection}"): EVERYONE
        for method in ("GET", "HEAD")
        for collection in ("incidents", "communities", "zones")
    },
    **{
        (method, f"/ogc{path}"): EVERYONE
        for method in ("GET", "HEAD")
        for path in (
            *("", "/", "/api", "/conformance", "/collections", "/collections/{collection}"),
            *("/collections/{collection}/queryables", "/collections/{collection}/items"),
            "/collections/{collection}/items/{feature}",
        )
    },
    **{
        (method, path): EVERYONE
        for method in ("GET", "HEAD")
        for path in (
            *("/tiles/styles/matrix", "/tiles/{collection}", "/tiles/{collection}/{zoom}/{column}/{row}"),
            *("/ogc/tileMatrixSets", "/ogc/tileMatrixSets/{grid}"),
            *("/ogc/collections/{collection}/tiles", "/ogc/collections/{collection}/tiles/{grid}"),
            "/ogc/collections/{collection}/tiles/{grid}/{zoom}/{row}/{column}",
        )
    },
    ("GET", "/v1/exports"): EVERYONE,
    ("GET", "/v1/exports/{file}"): EVERYONE,
    ("GET", "/v1/audit"): AUDITORS,
    ("GET", "/v1/incidents"): RECORDS,
    ("POST", "/v1/incidents"): RECORDS,
    ("POST", "/v1/incidents/batch"): RECORDS,
    ("GET", "/v1/incidents/{incident_id}"): RECORDS,
    ("PATCH", "/v1/incidents/{incident_id}"): RECORDS,
    ("GET", "/v1/incidents/{incident_id}/history"): RECORDS,
    ("POST", "/v1/incidents/{incident_id}/sources"): RECORDS,
    ("POST", "/v1/incidents/{incident_id}/transitions"): RECORDS,
    ("GET", "/v1/queue"): RECORDS,
    ("GET", "/v1/methodologies"): EVERYONE,
    ("POST", "/v1/methodologies"): OWNERS,
    ("GET", "/v1/methodologies/{version}"): EVERYONE,
    ("GET", "/v1/methodologies/{version}/preview"): OWNERS,
    ("POST", "/v1/methodologies/{version}/adoption"): OWNERS,
    ("GET", "/v1/protocols"): EVERYONE,
    ("GET", "/v1/protocols/{version}"): EVERYONE,
    ("POST", "/v1/protocols"): OWNERS,
    ("POST", "/v1/protocols/{version}/adoption"): OWNERS,
    ("POST", "/v1/protocols/{version}/suspension"): OWNERS,
    **{
        (method, f"/v1/{name}{rest}"): RECORDS if method == "GET" else writers
        for name, writers in {
            "localities": OWNERS,
            "communities": RECORDS,
            "assessments": RECORDS,
            "presences": RECORDS,
        }.items()
        for method, rest in [
            ("GET", ""),
            ("POST", ""),
            ("GET", "/{subject_id}"),
            ("PUT", "/{subject_id}"),
            ("GET", "/{subject_id}/history"),
            ("POST", "/{subject_id}/withdrawal"),
        ]
    },
}


def routes_of(app):
    """Yield method, path and what the framework resolves before it calls, of every route however it was added."""
    for route in app.routes:
        if isinstance(route, Mount):
            yield "GET", route.path, None
        elif hasattr(route, "effective_route_contexts"):
            for one in route.effective_route_contexts():
                yield from ((method, one.path, one.dependant) for method in one.methods)
        else:
            dependant = route.dependant if isinstance(route, APIRoute) else None
            yield from ((method, route.path, dependant) for method in route.methods)


def permissions(dependant):
    """Give every permission that stands somewhere among what a route depends on."""
    found = {dependant.call.permission} if isinstance(dependant.call, May) else set()
    return found.union(*(permissions(one) for one in dependant.dependencies))
