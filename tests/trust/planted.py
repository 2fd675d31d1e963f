"""A world of 300 incidents and more, of every level, state and consent, with a canary in everything that they say."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, cycle, product
from typing import Any

from canaries import Aviary, Planted, days_in
from deeds import described, edited, recorded, reported, stepped, withdrawn
from direct import answers, get, send
from service import a_source

from flashpoint.types import Role

INCIDENTS = 300
LEVELS = ("public", "mission", "cluster", "restricted")
ABOVES = ("detail", "aggregate", "none")
CONSENTS = ("given", "not_required", "unknown", "refused", "withdrawn")
STATES = ("reported", "corroborating", "verified", "not_verified", "disputed", "withdrawn", "duplicate")
PROTECTED = ("sexual_violence", "child_abduction", "attack_on_school")
CORNERS = ((18.0, 4.0), (19.0, 4.0), (18.0, 6.0), (25.0, 9.0))
WRITERS = ("first", "second")
KINDS = {"communities": "community", "assessments": "assessment", "presences": "presence"}


@dataclass
class World:
    """The operation, those who wrote in it, and everything that they wrote."""

    service: Any
    operation: Any
    aviary: Aviary
    incidents: list[Planted] = field(default_factory=list)
    subjects: dict[str, list[Planted]] = field(default_factory=dict)
    localities: tuple[str, ...] = ()
    assessed_at: str = ""
    #: Whoever wrote, and the answers to that.
    receipts: list[tuple[str, Any]] = field(default_factory=list)

    def writer(self, name: str) -> Any:
        return self.operation.caller(Role.ANALYST, name=f"-{name}")

    def by_writer(self, records: Iterable[Planted]) -> Iterator[tuple[Any, list[Planted]]]:
        records = list(records)
        for name in WRITERS:
            yield self.writer(name), [one for one in records if one.by == name]


def cells() -> list[dict[str, Any]]:
    """Choose incidents so that any two properties come together, in whichever way the rules allow."""
    names = ("sharing", "above", "consent", "protected", "exercise", "state", "edit")
    every = [
        dict(zip(names, values, strict=True))
        for values in product(
            LEVELS, ABOVES, CONSENTS, (False, True), (False, True), STATES, (None, "opened", "closed")
        )
    ]
    possible = [one for one in every if _is_possible(one)]
    random.Random(1).shuffle(possible)
    kept, missing = [], {pair for one in possible for pair in _pairs(one)}
    for one in possible:
        if missing & _pairs(one):
            kept.append(one)
            missing -= _pairs(one)
    # Most of the rest as records are: agreed to, and nobody's exercise.
    usual = {"consent": ("given", "not_required"), "exercise": (False,), "edit": (None,)}
    rest = cycle([one for one in possible if all(one[name] in values for name, values in usual.items())])
    return [*kept, *(next(rest) for _ in range(INCIDENTS - len(kept)))]


def _is_possible(one: dict[str, Any]) -> bool:
    open_protected = one["protected"] and (one["sharing"] in {"public", "mission"} or one["above"] == "detail")
    # What nobody agreed to is gone, and takes no edit.
    edited_gone = one["edit"] is not None and one["consent"] in {"refused", "withdrawn"}
    same_level = one["edit"] == ("opened" if one["sharing"] == "restricted" else "closed")
    return not (open_protected or edited_gone or same_level)


def _pairs(one: dict[str, Any]) -> set[tuple[Any, ...]]:
    return set(combinations(sorted(one.items(), key=str), 2))


def planted(service: Any, operation: Any, seed: int = 7) -> World:
    """Make the world, assess it and release it."""
    described = answers(service, None, [get("/openapi.json")])[0].text()
    world = World(service, operation, Aviary(random.Random(seed), days_in(described)))
    for at, cell in enumerate(cells()):
        levels = {"opened": ("restricted", cell["sharing"]), "closed": ("cluster", "restricted")}
        version_levels = levels.get(cell["edit"], (cell["sharing"],))
        told = [cell[name] for name in ("above", "consent", "protected", "exercise", "state")]
        world.incidents.append(Planted("incident", WRITERS[at % 3 == 0], version_levels, *told))
    _report(world)
    _edit(world)
    _decide(world)
    for collection in KINDS:
        world.subjects[collection] = _record(world, collection)
    (listing,) = answers(service, operation.coordinator.token, [get("/v1/localities", operation=operation.code)])
    world.localities = tuple(feature["id"] for feature in listing.json()["features"])
    for one in (*world.incidents, *(one for some in world.subjects.values() for one in some)):
        world.aviary.ids(one)
    operation.assess()
    world.assessed_at = operation.matrix().json()["as_of"]
    return world


def _feature(world: World, at: int, record: Planted, version: int) -> Any:
    aviary = world.aviary

    def word(name: str) -> str:
        return aviary.word(name, record, version)

    return world.operation.incident(
        aviary.place(CORNERS[at % len(CORNERS)], record, version),
        category=PROTECTED[at % len(PROTECTED)] if record.protected else "attack_on_civilians",
        event_start=aviary.instant(record, version),
        displaced=aviary.count(record, version),
        narrative=f"Synthetic {word('narrative')}.",
        sharing=record.levels[version - 1],
        share_above=record.above,
        consent=record.consent,
        exercise=record.exercise,
        **(_identity(word) if version == 1 else {}),
    )


def _identity(word: Any) -> dict[str, Any]:
    """Make what is said once of an incident, and not with every version."""
    sources = [
        a_source(kind, word("group"), handle=word("handle"), obtained_on="2020-01-01") for kind in ("witness", "ngo")
    ]
    return {"client_id": word("client_id"), "sources": sources}


def _report(world: World) -> None:
    """Most come in batches, some one by one with an idempotency key, twice."""
    for writer, records in world.by_writer(world.incidents):
        features = [_feature(world, at, one, 1) for at, one in enumerate(records)]
        singly, batch = records[::20], [one for at, one in enumerate(records) if at % 20]
        for one, identity in zip(batch, reported(world.service, writer, _without(features, 20)), strict=True):
            one.id = identity
        asks = [
            send("POST", "/v1/incidents", feature, ("idempotency-key", world.aviary.word("key", one)))
            for one, feature in zip(singly, features[::20], strict=True)
        ]
        given = answers(world.service, writer.token, asks)
        for one, answer in zip(singly, given, strict=True):
            assert answer.status == 201, answer.text()
            one.id = answer.json()["id"]
        world.receipts += [(records[0].by, answer) for answer in (*given, *answers(world.service, writer.token, asks))]


def _without(features: Sequence[Any], step: int) -> list[Any]:
    return [feature for at, feature in enumerate(features) if at % step]


def _edit(world: World) -> None:
    """Give some a second version, at another place and time, in other words and on another level."""
    for writer, records in world.by_writer(one for one in world.incidents if len(one.levels) > 1):
        patches = {}
        for at, one in enumerate(records):
            feature = _feature(world, at, one, 2)
            told = feature["properties"]
            kept = {name: told[name] for name in ("event_start", "displaced", "narrative", "sharing")}
            patches[one.id] = {"geometry": feature["geometry"], "properties": {**kept, "event_end": None}}
        edited(world.service, writer, patches)


def _decide(world: World) -> None:
    """Take each to its state; every step that can say why says so."""
    steps = {
        "corroborating": [("corroborate", {})],
        "verified": [("corroborate", {}), ("verify", {"standard": "reasonable_grounds"})],
        "not_verified": [("reject", {})],
        "disputed": [("corroborate", {}), ("dispute", {})],
        "withdrawn": [("withdraw", {"reason_code": "harm"})],
        "duplicate": [("mark_duplicate", {})],
    }
    original = next(one for one in world.incidents if one.state == "reported" and not one.gone)
    for state, taken in steps.items():
        records = [one for one in world.incidents if one.state == state]
        for action, details in taken:
            said = {one.id: {"reason": world.aviary.word("act_reason", one, len(one.levels))} for one in records}
            target = {"duplicate_of": original.id} if action == "mark_duplicate" else {}
            given = stepped(world.service, world.operation.verifier, list(said), action, said, **details, **target)
            world.receipts += [("verifier", answer) for answer in given]


def _record(world: World, collection: str) -> list[Planted]:
    every = [
        Planted(KINDS[collection], by, (sharing,), above, consent)
        for (sharing, above, consent), by in zip(product(LEVELS, ABOVES, CONSENTS), cycle(WRITERS), strict=False)
    ]
    records = every if collection == "communities" else every[::2]
    for writer, some in world.by_writer(records):
        features = [_described(world, collection, one) for one in some]
        for one, identity in zip(some, recorded(world.service, writer, collection, features), strict=True):
            one.id = identity
        leaving = [one for one in some if not one.gone][::6]
        withdrawn(world.service, writer, collection, [one.id for one in leaving])
        for one in leaving:
            one.state = "withdrawn"
    return records


def _described(world: World, collection: str, record: Planted) -> Any:
    aviary, kind = world.aviary, KINDS[collection]

    def word(name: str) -> str:
        return aviary.word(name, record)

    told: dict[str, Any] = {"sharing": record.sharing, "share_above": record.above, "consent": record.consent}
    if kind == "community":
        told |= {"name": word("name"), "surrounded_by": word("surrounded_by"), "people": aviary.count(record)}
        told |= {"protective_presence": word("protective_presence"), "assessed_at": aviary.instant(record)}
    elif kind == "assessment":
        told |= {"reason": word("reason"), "assessed_at": aviary.instant(record)}
    else:
        told |= {"note": word("note"), "since": aviary.instant(record)}
    feature = described(world.operation, kind, **told)
    if kind == "presence":
        feature["geometry"] = {"type": "Point", "coordinates": aviary.place(CORNERS[0], record)}
    return feature


def whole(world: World) -> list[Planted]:
    """Give every record."""
    return [*world.incidents, *(one for some in world.subjects.values() for one in some)]
