"""What a reader may not know of changes nothing that the reader is answered: not a byte, a tag, a count or an order.

One world, before and after a thousand rows were added that the reader may not know of. Every question is asked again,
under the same tags and cursors, of a service that keeps nothing of what it had computed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
import service as running_service
import surfaces
from deeds import reported, verified
from direct import Answer, Ask, answers, get, send
from hidden import (
    Scene,
    assessed_anew,
    edit_what_the_mission_sees,
    hide_from_analysts,
    hide_from_mission,
    populated,
    within_a_quarter,
)
from surfaces import CODINGS, NOWHERE, READS, World, following, lasting, probes, reads
from walls import forget_conditions, policies_off, widen_clearance

from flashpoint import matrix
from flashpoint.types import Role

PAIRS, HIDDEN_ROWS = 2_000, 1_000
MATRIX = tuple(path for path in READS if path.startswith("/v1/matrix"))
RELEASED = tuple(path for path in READS if path.startswith("/v1/released"))
#: The audit log is there to tell the auditor of everything.
UNLOGGED = tuple(path for path in READS if path != "/v1/audit")


@dataclass(frozen=True)
class Reader:
    """Somebody who reads, what of, and everything that was answered before."""

    caller: Any
    before: dict[Ask, Answer]

    @classmethod
    def of(cls, service: Any, caller: Any, world: World, paths: Iterable[str] = UNLOGGED, codings: int = 1) -> "Reader":
        """Ask everything; then again under the tags that came, and for the pages that follow."""
        known: dict[Ask, Answer] = {}
        waiting = list(_coded(reads(world, paths), codings))
        while waiting:
            given = cls.at_first(service, caller, waiting).before
            known |= given
            news = dict.fromkeys(more for ask, answer in given.items() for more in following(ask, answer))
            waiting = [ask for ask in news if ask not in known]
        return cls(caller, known)

    @classmethod
    def at_first(cls, service: Any, caller: Any, asks: Iterable[Ask]) -> "Reader":
        """Ask these questions and no more."""
        asks = list(asks)
        return cls(caller, dict(zip(asks, answers(service, caller.token, asks), strict=True)))

    def differing(self, service: Any, paths: Iterable[str] = UNLOGGED) -> list[str]:
        """Ask everything again; name what is answered otherwise now."""
        starts = tuple(path.partition("{")[0] for path in paths)
        asks = [ask for ask in self.before if ask.path.startswith(starts)]
        now = dict(zip(asks, answers(service, self.caller.token, asks), strict=True))
        parts = {ask: _parts(lasting(ask, self.before[ask]), lasting(ask, answer)) for ask, answer in now.items()}
        return [f"{ask.told()}: {differing}" for ask, differing in parts.items() if differing]


def _coded(asks: Iterable[Ask], number: int) -> Iterator[Ask]:
    """Ask each question in so many content codings, in turn."""
    for index, ask in enumerate(asks):
        for at in range(index, index + number):
            coding = CODINGS[at % len(CODINGS)]
            yield ask if coding is None else ask.under(("accept-encoding", coding))


def _parts(before: Answer, now: Answer) -> list[str]:
    names = ("status", "headers", "body")
    return [name for name in names if getattr(before, name) != getattr(now, name)]


@pytest.fixture(scope="module")
def service(module_database_url, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with running_service.running(module_database_url, home, requests_per_minute=0) as service:
        yield service


def test_every_surface_is_asked(service):
    assert surfaces.missing(service.app) == set()


def a_scene(service):
    scene = Scene(service, service.operation(), service.operation())
    populated(scene)
    return scene


def a_world(scene, moments=()):
    subjects = {name: tuple(ids) for name, ids in scene.subjects.items()}
    return World(scene.operation.code, incidents=(NOWHERE, *scene.known), subjects=subjects, moments=moments)


def readers_of(scene, moments):
    service, operation, world = scene.service, scene.operation, a_world(scene, moments)
    remote = service.operation()
    remote.assess()
    far = World(remote.code, incidents=(NOWHERE, *scene.known[:2]), moments=moments)
    return {
        "mission": Reader.of(service, operation.reader, world, codings=len(CODINGS)),
        "auditor": Reader.of(service, operation.caller(Role.AUDITOR), world),
        "analyst": Reader.of(service, operation.other_analyst, world, [one for one in UNLOGGED if one != "/v1/matrix"]),
        "another operation": Reader.of(service, remote.coordinator, far, [*MATRIX[1:], *RELEASED, "/v1/incidents"]),
    }


def tell(service):
    """Ask, hide, assess, ask again; hide more, assess, ask again. Give what differed."""
    scene = a_scene(service)
    scene.operation.assess()
    scene.moments = (assessed_at(scene.operation),)
    readers = readers_of(scene, scene.moments)
    rows, differing = [service.vault_rows()], {}
    hidden = hide_from_analysts(scene)
    assessed_anew(service, scene.operation)
    rows.append(service.vault_rows())
    differing["hidden from analysts"] = {name: reader.differing(service) for name, reader in readers.items()}
    hide_from_mission(scene)
    edit_what_the_mission_sees(scene)
    assessed_anew(service, scene.operation)
    rows.append(service.vault_rows())
    differing["hidden from the mission"] = {
        "mission": readers["mission"].differing(service),
        "auditor": readers["auditor"].differing(service, MATRIX),
        "another operation": readers["another operation"].differing(service),
    }
    scene.moments = (*scene.moments, running_service.ago(0))
    return Story(scene, readers, rows, differing, hidden)


@dataclass(frozen=True)
class Story:
    """What was asked, what was hidden, and which answers that changed."""

    scene: Scene
    readers: dict[str, Reader]
    rows: list[dict[str, int]]
    differing: dict[str, dict[str, list[str]]]
    hidden: list[str]


@pytest.fixture(scope="module")
def story(service):
    return within_a_quarter(lambda: tell(service))


def assessed_at(operation):
    """Give the moment of the matrix that is released."""
    return operation.matrix().json()["as_of"]


def added(earlier, later):
    """Count the rows that were added, but for those that reading adds."""
    return sum(later[name] - earlier[name] for name in earlier if name not in {"audit", "allowance"})


def test_there_is_enough_to_hide_and_enough_to_ask(story):
    assert [added(*pair) >= HIDDEN_ROWS for pair in pairwise(story.rows)] == [True, True]
    pairs = sum(len(story.readers[name].before) for stage in story.differing.values() for name in stage)
    assert pairs >= PAIRS
    for name, reader in story.readers.items():
        statuses = Counter(answer.status for answer in reader.before.values())
        assert set(statuses) <= {200, 204, 304, 400, 403, 404}, (name, statuses)
        assert statuses[200] > 0.4 * statuses.total(), (name, statuses)
        assert statuses[304] > 0, (name, statuses)


@pytest.mark.parametrize("stage", ["hidden from analysts", "hidden from the mission"])
def test_what_a_reader_may_not_know_of_changes_no_answer(story, stage):
    assert {name: found[:5] for name, found in story.differing[stage].items() if found} == {}


def test_the_past_as_it_is_known_now_is_the_past_as_it_was_known_then(story):
    """Two moments between which only hidden things happened are the same matrix, but for their own instants."""
    scene = story.scene
    earlier, later = scene.moments
    for path in ("/v1/matrix", "/v1/matrix/X1101"):
        asks = [get(path, operation=scene.operation.code, as_of=moment) for moment in (earlier, later)]
        then, now = (one.json() for one in answers(scene.service, scene.operation.reader.token, asks))
        assert (then.pop("as_of"), now.pop("as_of")) == (earlier, later)
        assert then == now


def test_a_hidden_record_and_none_are_refused_alike(story):
    """Whatever is tried on an id, that there is a record behind it makes no difference."""
    scene, service, operation = story.scene, story.scene.service, story.scene.operation
    absent, present = World(operation.code), World(operation.code, incidents=tuple(story.hidden[::40]))
    records = [path for path in READS if "{incident_id}" in path]
    for caller in (operation.other_analyst, operation.reader, scene.elsewhere.coordinator):
        expected = answers(service, caller.token, [*probes(absent), *reads(absent, records)])
        given = answers(service, caller.token, [*probes(present), *reads(present, records)])
        assert len(given) == len(expected) * len(present.incidents) > 0
        assert set(given) == set(expected)
        assert {answer.status for answer in given} <= {403, 404}


def test_a_name_that_hits_a_hidden_record_hits_nothing(story):
    """A client id, an idempotency key, a link, an original: whether somebody's hidden record has it shows nowhere."""
    scene, service, operation = story.scene, story.scene.service, story.scene.operation
    reader = operation.other_analyst
    taken = reported(service, scene.author, scene.incidents(1, sharing="restricted", client_id="taken"))[0]
    first = send("POST", "/v1/incidents", operation.incident(sharing="restricted"), ("idempotency-key", "taken"))
    assert answers(service, scene.author.token, [first])[0].status == 201
    own = reported(service, reader, [operation.incident()])[0]

    def tried(name, record):
        step = f"/v1/incidents/{own}/transitions"
        return answers(
            service,
            reader.token,
            [
                send("POST", "/v1/incidents", operation.incident(client_id=name)),
                send("POST", "/v1/incidents", operation.incident(), ("idempotency-key", name)),
                send("POST", "/v1/incidents", operation.incident(supersedes=record)),
                *(send("POST", step, {"action": one, "duplicate_of": record}) for one in ("mark_duplicate", "merge")),
            ],
        )

    hit, missed = tried("taken", taken), tried("never", NOWHERE)
    assert [answer.status for answer in hit] == [201, 201, 422, 422, 422]
    assert [neutral(answer, "taken") for answer in hit] == [neutral(answer, "never") for answer in missed]


def neutral(answer, name):
    """Write an answer without the id that was made for it, and without the name that was asked with."""
    identity = answer.json().get("id", NOWHERE)
    return answer.status, answer.text().replace(identity, "ID").replace(name, "NAME")


def steps_of_the_log(service, scene):
    """Give how far the ids of an auditor's entries lie apart, with one report in another operation among them."""
    remote = service.operation()
    auditor, ask = remote.caller(Role.AUDITOR), get("/v1/audit", operation=remote.code, limit=250)

    def last():
        """Give the id of the reading before this one: a reading is logged after what it shows was found."""
        return UUID(answers(service, auditor.token, [ask])[0].json()["entries"][-1]["id"]).int

    ids = [last() for _ in range(4)][1:]
    reported(service, scene.author, scene.incidents(1))
    ids += [last() for _ in range(3)]
    return [later - earlier for earlier, later in pairwise(ids)]


def test_the_ids_of_entries_do_not_count_what_is_logged_in_other_operations(story):
    steps = steps_of_the_log(story.scene.service, story.scene)
    # As far apart as if they were drawn: nothing near one another, no step twice.
    assert min(map(abs, steps)) > 2**64
    assert len(set(steps)) == len(steps)


class Plain:
    """Names that are the numbers."""

    def name(self, number):
        return UUID(int=number)


def test_ids_that_are_the_numbers_of_the_log_would_count_it(story, monkeypatch):
    service = story.scene.service
    monkeypatch.setattr(service.app.state, "numbers", Plain())
    steps = steps_of_the_log(service, story.scene)
    assert min(steps) == 1
    assert max(steps) > 1


# -- the one change that is allowed ---------------------------------------------------------------------------------

#: All that a verified record which is counted and never shown may change of the mission's matrix; what is written of it
#: in words follows the numbers.
COUNTED = {
    *("score", "score_low", "score_high", "tier", "tier_name", "rank", "rank_low", "rank_high", "top_k_share"),
    *("threat", "vulnerability", "capacity_gap", "low", "best", "high", "points"),
    *("score_if_least", "score_if_most", "rank_if_least", "rank_if_most"),
    *("freshness_days", "silent", "days_7", "days_30", "as_of", "words"),
}
#: What the matrix says of how much is known also moves, see below.
KNOWN = {"coverage", "inputs_known"}


def leaves(tree, path=()):
    """Yield every value with the names that lead to it; rows go by their ids, and lists have a length."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from leaves(value, (*path, name))
    elif isinstance(tree, list):
        yield (*path, "length"), len(tree)
        for at, value in enumerate(tree):
            own = value.get("id") if isinstance(value, dict) else None
            yield from leaves(value, (*path, own or at))
    else:
        yield path, tree


def name_of(path):
    """Give the member that a value belongs to."""
    return "words" if "words" in path else [name for name in path if isinstance(name, str)][-1]


def count_once_more(service):
    """Verify a record that is counted and never shown; give its id, and what the mission reads before and after."""
    scene = a_scene(service)
    scene.operation.assess()
    code, token = scene.operation.code, scene.operation.reader.token
    places = [f"/v1/matrix/{pcode}" for pcode in (*running_service.BOXES, running_service.TOWN)]
    matrices = [get(path, operation=code) for path in ("/v1/matrix", *places)]
    asks = [*matrices, *reads(a_world(scene), RELEASED)]
    before = answers(service, token, asks)
    grave = scene.operation.incident((19.5, 4.5), killed={"low": 40, "best": 50, "high": 60}, share_above="aggregate")
    (added_id,) = reported(service, scene.author, [grave])
    verified(service, scene.verifier, [added_id])
    scene.operation.assess()
    return added_id, list(zip(before, answers(service, token, asks), strict=True)), len(matrices)


@pytest.fixture(scope="module")
def counted(service):
    return within_a_quarter(lambda: count_once_more(service))


def changed_by(pairs):
    """Count the values that changed, by name; give the names of all."""
    changed, names = Counter(), set()
    for earlier, later in pairs:
        old, new = dict(leaves(earlier.json())), dict(leaves(later.json()))
        assert set(old) == set(new), "the same members, the same rows, lists of the same lengths"
        changed.update(name_of(path) for path in old if old[path] != new[path])
        names |= {name_of(path) for path in old}
    return changed, names


def test_a_verified_record_that_is_counted_and_never_shown_changes_scores_and_nothing_else(counted):
    added_id, pairs, matrices = counted
    assert all(earlier == later for earlier, later in pairs[matrices:]), "what is released beside the matrix"
    assert not any(added_id in later.text() for _, later in pairs)
    changed, names = changed_by(pairs[:matrices])
    assert set(changed) <= COUNTED
    assert changed["score"] > 0
    assert {"numberMatched", "numberReturned", "localities", "data_through", "id", "length"} <= names - set(changed)


def test_how_much_is_known_of_a_place_tells_the_mission_of_no_record(counted):
    _, pairs, matrices = counted
    assert not KNOWN & set(changed_by(pairs[:matrices])[0])


# -- controls: what would leak is noticed ---------------------------------------------------------------------------

LISTINGS = ("/v1/incidents", "/v1/communities")


@pytest.fixture(scope="module")
def control(service):
    return a_scene(service)


def noticed(scene, paths, role):
    """Hide a few rows from a reader; give how much was asked, and what is answered otherwise afterwards."""
    service, asks = scene.service, list(reads(a_world(scene), paths))
    reader = Reader.at_first(service, scene.operation.caller(role, name="-curious"), asks)
    hide_from_analysts(scene, number=64, each=1)
    return len(asks), reader.differing(service)


def test_a_matrix_that_counts_hidden_rows_is_noticed(control, monkeypatch):
    coverage = matrix._coverage  # noqa: SLF001

    def counting(evaluated, audience):
        reports = control.service.scalar(
            "SELECT count(*) FROM vault.incident WHERE operation = %s", evaluated.operation
        )
        return {**coverage(evaluated, audience), "incidents_reported": reports}

    monkeypatch.setattr(matrix, "_coverage", counting)
    control.operation.assess()
    reader = Reader.of(control.service, control.operation.reader, a_world(control), ["/v1/matrix"])
    hide_from_analysts(control, number=64, each=1)
    assessed_anew(control.service, control.operation)
    assert len(reader.differing(control.service)) == len(reader.before)


def test_listings_without_their_condition_are_noticed_where_the_policies_are_off_too(control, monkeypatch):
    forget_conditions(monkeypatch)
    with policies_off(control.service):
        asked, differing = noticed(control, LISTINGS, Role.ANALYST)
    # A category or a place that no hidden row has is answered as before.
    assert len(differing) > asked / 3


def test_a_clearance_that_is_too_wide_is_noticed(control, monkeypatch):
    widen_clearance(monkeypatch)
    asked, differing = noticed(control, LISTINGS, Role.ANALYST)
    # A category or a place that no hidden row has is answered as before.
    assert len(differing) > asked / 3


def test_the_conditions_hold_where_the_policies_are_off(control):
    with policies_off(control.service):
        assert noticed(control, LISTINGS, Role.ANALYST)[1] == []


def test_the_policies_hold_where_the_conditions_are_forgotten(control, monkeypatch):
    forget_conditions(monkeypatch)
    assert noticed(control, LISTINGS, Role.ANALYST)[1] == []
