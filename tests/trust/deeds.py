"""What people do, many at once: report, correct, decide, record and withdraw, by the API and in the caller's name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from direct import OK, Answer, answers, get, send
from service import a_source, collection, subject

from flashpoint.workflow import DECISIONS


def reported(service: Any, caller: Any, features: Sequence[Any]) -> list[str]:
    """Report incidents in one batch; give their ids in order."""
    (answer,) = answers(service, caller.token, [send("POST", "/v1/incidents/batch", collection(*features))])
    assert answer.status in OK, answer.text()
    return [row["id"] for row in answer.json()["rows"]]


def recorded(service: Any, caller: Any, collection: str, features: Iterable[Any]) -> list[str]:
    """Record communities, assessments or presences; give their ids in order."""
    return [
        answer.json()["id"] for answer in _done(service, caller, [("POST", f"/v1/{collection}", f) for f in features])
    ]


def stepped(
    service: Any, caller: Any, ids: Iterable[str], action: str, each: Mapping[str, Any] | None = None, **details: Any
) -> list[Answer]:
    """Take a step on each incident; a decision names the incident as it is now. ``each`` holds more, by id."""
    ids = list(ids)
    paths = [f"/v1/incidents/{one}" for one in ids]
    tags = [("*",)] * len(ids) if action not in DECISIONS else [(tag,) for tag in _tags(service, caller, paths)]
    trees = [{"action": action, **details, **(each or {}).get(one, {})} for one in ids]
    deeds = zip(paths, trees, tags, strict=True)
    return _done(service, caller, [("POST", f"{path}/transitions", tree, *tag) for path, tree, tag in deeds])


def verified(service: Any, caller: Any, ids: Iterable[str]) -> None:
    """Take reported incidents to verified."""
    ids = list(ids)
    stepped(service, caller, ids, "corroborate")
    stepped(service, caller, ids, "verify", standard="reasonable_grounds")


def edited(service: Any, caller: Any, patches: Mapping[str, Any]) -> list[Answer]:
    """Correct incidents: id to merge patch."""
    tags = _tags(service, caller, [f"/v1/incidents/{one}" for one in patches])
    deeds = [
        ("PATCH", f"/v1/incidents/{one}", patch, tag) for (one, patch), tag in zip(patches.items(), tags, strict=True)
    ]
    return _done(service, caller, deeds)


def sourced(service: Any, caller: Any, ids: Iterable[str], **changes: Any) -> None:
    """Add a source to each incident."""
    tree = {"sources": [a_source("media", "g-added", **changes)]}
    _done(service, caller, [("POST", f"/v1/incidents/{one}/sources", tree) for one in ids])


def withdrawn(service: Any, caller: Any, collection: str, ids: Iterable[str]) -> None:
    """Withdraw communities, assessments or presences."""
    paths = [f"/v1/{collection}/{one}" for one in ids]
    deeds = [
        ("POST", f"{path}/withdrawal", {"reason_code": "harm"}, tag)
        for path, tag in zip(paths, _tags(service, caller, paths), strict=True)
    ]
    _done(service, caller, deeds)


def described(operation: Any, kind: str, **changes: Any) -> Any:
    """Make the Feature of a subject with other properties."""
    feature = subject(operation.code, kind)
    return {**feature, "properties": {**feature["properties"], **changes}}


def _tags(service: Any, caller: Any, paths: Iterable[str]) -> list[str]:
    found = answers(service, caller.token, [get(path) for path in paths])
    assert all(answer.status in OK for answer in found), [answer.text() for answer in found if answer.status not in OK][
        :1
    ]
    return [answer.header("etag") or "*" for answer in found]


def _done(service: Any, caller: Any, deeds: Iterable[tuple[Any, ...]]) -> list[Answer]:
    asks = [send(*deed[:3], *(("if-match", tag) for tag in deed[3:])) for deed in deeds]
    given = answers(service, caller.token, asks)
    for ask, answer in zip(asks, given, strict=True):
        assert answer.status in OK, (ask.told(), ask.body, answer.text())
    return given
