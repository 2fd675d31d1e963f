"""Answers about layers: tagged by what decides their bytes, from the shelf where they lie there, made where not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from http import HTTPStatus

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from api.layer_access import Entered
from api.negotiation import compress, matches, negotiate
from api.sheet import Answer
from api.shelf import Shelf
from flashpoint.features import dumps
from flashpoint.layers import Stand

_COMMON = {"Cache-Control": "private, no-cache", "Vary": "Accept, Accept-Encoding, Accept-Language, Authorization"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a layer: ``terms`` are its one canonical form. Without ``timed`` the moment is no part of it.

    What is ``quick`` takes a millisecond or less, from memory: it is made at once, and not in a thread.
    """

    terms: tuple[str, ...]
    media: str
    timed: bool = True
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: of which state, with which header fields besides. No bytes means that there is nothing there."""

    body: bytes
    stand: Stand
    headers: Mapping[str, str] = field(default_factory=dict)


async def answer(request: Request, entered: Entered, wanted: Wanted, make: Callable[[], Made]) -> Response:
    """Answer 304, or from the shelf, or with what ``make`` gives; it is called in a thread."""
    shelf: Shelf = request.app.state.shelf
    coding = negotiate(", ".join(request.headers.getlist("accept-encoding")) or None)
    told = {} if entered.age_seconds is None else {"Age": str(entered.age_seconds)}
    tag = tag_of(entered, wanted, coding)
    seen = request.headers.get("if-none-match")
    # A star asks whether there is anything at all: that is known once it has been made.
    if seen is not None and seen.strip() != "*" and matches(seen, tag):
        return _unchanged(tag, told)
    found = shelf.get(tag)
    if found is None:
        asked = entered, wanted, coding
        found = _made(make, asked) if wanted.quick else await run_in_threadpool(_made, make, asked)
        shelf.put(found.headers["ETag"], found)
    if seen is not None and matches(seen, found.headers["ETag"]):
        return _unchanged(found.headers["ETag"], told)
    return Response(found.body, found.status, {**found.headers, **told})


def _unchanged(tag: str, told: Mapping[str, str]) -> Response:
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={**_COMMON, **told, "ETag": tag})


def _made(make: Callable[[], Made], asked: tuple[Entered, Wanted, str]) -> Answer:
    entered, wanted, coding = asked
    made = make()
    # Between the look at what is in memory and the snapshot that was read, something may have been released.
    tag = tag_of(replace(entered, stand=made.stand), wanted, coding)
    headers = {**_COMMON, **made.headers, "ETag": tag}
    if not made.body:
        return Answer(HTTPStatus.NO_CONTENT, headers, b"")
    headers["Content-Type"] = wanted.media
    if coding != "identity":
        headers["Content-Encoding"] = coding
    return Answer(HTTPStatus.OK, headers, compress(made.body, coding))


def tag_of(entered: Entered, wanted: Wanted, coding: str) -> str:
    """Derive the strong tag from what decides the bytes, so that it is known before they are made.

    The moment is part of it: a database from a backup counts on from an earlier revision.
    """
    stand = entered.stand
    state = [stand.build, stand.revision, stand.as_of] if wanted.timed else [stand.content]
    whose = [entered.operation, entered.audience, entered.layer, entered.protocol]
    parts = [whose, state, wanted.terms, wanted.media, coding]
    return f'"{blake2b(dumps(parts), digest_size=12).hexdigest()}"'
