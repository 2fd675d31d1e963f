"""A small world that readers know, and a thousand rows around it that they may not know of."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, cycle, islice, product
from typing import Any

from deeds import described, edited, recorded, reported, sourced, stepped, verified, withdrawn
from direct import OK, answers, get, send
from service import a_protocol, ago

from api.archive import Archive
from api.ogc.counts import Counts
from api.ogc.ground import Grounds
from api.shelf import Shelf
from flashpoint.assess import Desk
from flashpoint.pepper import pepper
from flashpoint.types import Audience, Role

PROTECTED = ("sexual_violence", "sexual_violence_child", "child_abduction", "attack_on_school")
OTHERS = ("attack_on_civilians", "abduction", "shelling", "forced_displacement", "extortion")
CHILD = {"killed": {"low": 1, "best": 1, "high": 1, "split": {"child": 1}}}
#: In two localities, in the town, in none of them; X1102 stays empty.
PLACES = ((18.31, 4.52), (18.77, 6.63), (21.0, 6.5), (25.2, 9.1), (18.5001, 4.5001))
QUARTER_SECONDS = 900
SUBJECTS = ("communities", "assessments", "presences")
KIND = {"communities": "community", "assessments": "assessment", "presences": "presence"}


@dataclass
class Scene:
    """The operation that is looked at, others beside it, who wrote in it, and what."""

    service: Any
    operation: Any
    elsewhere: Any
    numbers: Iterator[int] = field(default_factory=count)
    known: list[str] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    subjects: dict[str, list[str]] = field(default_factory=dict)
    moments: tuple[str, ...] = ()

    @property
    def author(self) -> Any:
        return self.operation.caller(Role.ANALYST, name="-author")

    @property
    def verifier(self) -> Any:
        return self.operation.verifier

    def incidents(self, number: int, **told: Any) -> list[Any]:
        """Make reports, each at another place and time, with other figures."""
        return [self._incident(at, told) for at in islice(self.numbers, number)]

    def _incident(self, at: int, told: dict[str, Any]) -> Any:
        given = {
            "category": OTHERS[at % len(OTHERS)],
            "event_start": ago(1 + at % 90 + at / 1e5),
            "client_id": f"c-{at}",
            "narrative": f"Synthetic {at}.",
            "displaced": {"low": at % 50, "best": 100, "high": 500},
        }
        longitude, latitude = PLACES[at % len(PLACES)]
        return self.operation.incident((longitude + at / 1e6, latitude), **(given | told))

    def subject(self, collection: str, number: int, **told: Any) -> list[Any]:
        return [described(self.operation, KIND[collection], **told) for _ in range(number)]


def populated(scene: Scene) -> None:
    """Record what readers may know of, each its part."""
    service, author, verifier = scene.service, scene.author, scene.verifier
    for sharing, above in (
        ("public", "detail"),
        ("mission", "aggregate"),
        ("cluster", "aggregate"),
        ("cluster", "detail"),
    ):
        ids = reported(service, author, scene.incidents(4, sharing=sharing, share_above=above))
        verified(service, verifier, ids[1:])
        scene.known += ids
    scene.known += reported(service, author, scene.incidents(6, share_above="none"))
    stepped(service, verifier, scene.known[-2:-1], "withdraw", reason_code="false")
    # These count in the score of everybody, and are shown to nobody but those who are cleared.
    closed = scene.incidents(3, sharing="restricted")
    closed += [one for code in PROTECTED for one in scene.incidents(1, category=code)]
    scene.withheld = reported(service, author, closed)
    verified(service, verifier, scene.withheld)
    for collection, sharing in product(SUBJECTS, ("mission", "cluster", "cluster")):
        made = recorded(service, author, collection, scene.subject(collection, 1, sharing=sharing))
        scene.subjects.setdefault(collection, []).extend(made)
    localities = answers(service, author.token, [get("/v1/localities", operation=scene.operation.code)])[0].json()
    scene.subjects["localities"] = [one["id"] for one in localities["features"]]


def _in_every_state(scene: Scene, ids: Sequence[str], each: int) -> None:
    """Take a few of the incidents to each state but verified."""
    service, verifier = scene.service, scene.verifier
    parts = iter(ids)

    def some() -> list[str]:
        return list(islice(parts, each))

    stepped(service, verifier, some(), "corroborate")
    stepped(service, verifier, some(), "reject", reason="Synthetic.")
    disputed = some()
    stepped(service, verifier, disputed, "corroborate")
    stepped(service, verifier, disputed, "dispute", reason="Synthetic.")
    stepped(service, verifier, some(), "withdraw", reason_code="harm", reason="Synthetic.")
    stepped(service, verifier, some(), "mark_duplicate", duplicate_of=ids[-1])
    sourced(service, scene.author, some())
    edited(
        service, scene.author, {one: {"properties": {"narrative": "Changed.", "date_precision": 3}} for one in some()}
    )


def hide_from_analysts(scene: Scene, number: int = 480, each: int = 8) -> list[str]:
    """Add what nobody but those cleared for everything may know of; give the ids of the incidents."""
    service, author, operation = scene.service, scene.author, scene.operation
    aboves = cycle(("aggregate", "none", "detail"))
    features = [
        *(
            one
            for above in islice(aboves, 30)
            for one in scene.incidents(number // 60, sharing="restricted", share_above=above)
        ),
        *(one for code in PROTECTED for one in scene.incidents(number // 16, category=code, sharing="cluster")),
        *scene.incidents(number // 8, **CHILD),
    ]
    ids = reported(service, author, features)
    _in_every_state(scene, ids, each)
    never = [{"share_above": "none"}, {"exercise": True}, {"consent": "refused"}]
    silent = reported(
        service, author, [one for told in never for one in scene.incidents(each, sharing="restricted", **told)]
    )
    verified(service, scene.verifier, silent)
    # What is in force stays in force until the edit is decided on.
    edited(
        service, author, {one: {"properties": {"narrative": "Changed.", "date_precision": 2}} for one in scene.withheld}
    )
    sourced(service, author, scene.withheld)
    for collection in SUBJECTS:
        told = {"sharing": "restricted", "share_above": "none"}
        made = recorded(service, author, collection, scene.subject(collection, each, **told))
        withdrawn(service, author, collection, made[:2])
        refused = {"sharing": "restricted", "consent": "refused"}
        recorded(service, author, collection, scene.subject(collection, 2, **refused))
    _elsewhere(scene, number // 9)
    for at in range(5):
        service.caller(
            f"{operation.code}-new-{next(scene.numbers)}", list(Role)[at], Audience.CLUSTER, (operation.code,)
        )
    answers(service, scene.verifier.token, [get(f"/v1/incidents/{one}") for one in ids[:20]])
    return [*ids, *silent]


def _elsewhere(scene: Scene, number: int) -> None:
    """Add what belongs to another operation."""
    service, other = scene.service, Scene(scene.service, scene.elsewhere, None, scene.numbers)
    ids = reported(service, other.author, other.incidents(number))
    verified(service, other.verifier, ids[:5])
    recorded(service, other.author, "communities", other.subject("communities", 5, sharing="mission"))
    scene.elsewhere.assess()


def hide_from_mission(scene: Scene, number: int = 200, each: int = 8) -> list[str]:
    """Add what the cluster may know of and the mission may not; give the ids of the incidents."""
    service, author = scene.service, scene.author
    levels = list(product(("public", "mission", "cluster"), ("detail", "aggregate", "none")))
    ids = [
        one
        for sharing, above in levels
        for one in reported(service, author, scene.incidents(number // 9, sharing=sharing, share_above=above))
    ]
    _in_every_state(scene, ids, each)
    never = [{"share_above": "none"}, {"exercise": True}, {"consent": "refused"}]
    silent = reported(service, author, [one for told in never for one in scene.incidents(each, **told)])
    verified(service, scene.verifier, silent)
    for collection in SUBJECTS:
        made = recorded(
            service, author, collection, scene.subject(collection, each, sharing="cluster", share_above="none")
        )
        withdrawn(service, author, collection, made[:2])
    _in_discussion(scene)
    return [*ids, *silent]


def _in_discussion(scene: Scene) -> None:
    """Propose another method and another protocol, which nobody has put in force."""
    code, coordinator = scene.operation.code, scene.operation.coordinator
    method = {"operation": code, "version": "T-2", "reason": "Synthetic.", "changes": {"silence_days": 14}}
    protocol = {"operation": code, **a_protocol(), "version": "TEST-P2"}
    asks = [send("POST", "/v1/methodologies", method), send("POST", "/v1/protocols", protocol)]
    for answer in answers(scene.service, coordinator.token, asks):
        assert answer.status in OK, answer.text()


def edit_what_the_mission_sees(scene: Scene) -> None:
    """Correct and source verified incidents; nobody has decided on the corrections."""
    shown = scene.known[1:4]
    edited(
        scene.service,
        scene.author,
        {one: {"properties": {"displaced": {"low": 7, "best": 8, "high": 9}}} for one in shown},
    )
    sourced(scene.service, scene.author, shown)


def forgotten(service: Any) -> None:
    """Let the service forget all that it computed; what is released stays."""
    state = service.app.state
    state.archive = Archive(service.database)
    state.shelf, state.counts, state.grounds = Shelf(), Counts(), Grounds()
    service.desk = Desk(service.database, pepper(service.app.state.settings))


def assessed_anew(service: Any, operation: Any) -> None:
    """Assess by what changed, and then from nothing."""
    operation.assess()
    forgotten(service)
    operation.assess()


def within_a_quarter(deed: Callable[[], Any]) -> Any:
    """Do it; again where the clock struck in between, for ages are counted from full quarters of an hour."""
    while True:
        began, done = time.time() // QUARTER_SECONDS, deed()
        if time.time() // QUARTER_SECONDS == began:
            return done
