"""The one way in to a layer, for items, tiles and files alike: who may, of which operation, in what state it is."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.board import Board
from api.deps import stale_seconds
from api.sharing import Gate
from api.sheet import Sheet
from flashpoint.errors import FlashpointError, Invalid, NotFound, NotShared, Violation
from flashpoint.layers import Layer, Stand
from flashpoint.protocol import SUBJECT, Named
from flashpoint.types import Actor, Audience

_MISSING = "no such operation, or nothing of it yet"


@dataclass(frozen=True, slots=True)
class Entered:
    """A layer that a caller may have. ``age_seconds`` is told where what is in memory may be out of date.

    ``sheet`` is the matrix in memory, for the layers that are made of it.
    """

    layer: Layer
    operation: str
    audience: Audience
    stand: Stand
    protocol: Named | None
    age_seconds: int | None
    sheet: Sheet | None


class Doorway:
    """The layers of an operation, for one request.

    Asked on every request, before any tag is compared, like the gate that it stands on.
    """

    def __init__(self, request: Request) -> None:
        """Remember whom to ask."""
        self._request = request
        self._board: Board = request.app.state.board
        self._gate = Gate(request)

    def operation(self, actor: Actor, asked: str | None) -> str:
        """Give the operation that is meant: the one asked for, or the only one that the caller has.

        Raises:
            Invalid: none is named and the caller has several.
            NotFound: none is named and there is none.
        """
        if asked is not None:
            return asked
        found = [one for one in self._board.operations(actor.audience) if actor.covers(one)]
        if len(found) > 1:
            raise Invalid(
                Violation("?operation", "required", "the operation is named, for the key is good for several")
            )
        if not found:
            raise NotFound(_MISSING)
        return found[0]

    def enter(self, actor: Actor, layer: Layer, operation: str) -> Entered:
        """Let a caller into a layer.

        Raises:
            NotFound: exactly as for an operation that nobody has.
            NotShared: no protocol in force gives it to the caller's audience.
            Unavailable: what is in memory is older than may be shown.
        """
        self._gate.enter(actor, operation, SUBJECT[layer])
        sheet = self._board.get(operation, actor.audience)
        stand = self._board.stands.get((operation, actor.audience, layer)) if layer in _PICTURED else _stand(sheet)
        if stand is None:
            raise NotFound(_MISSING)
        age = stale_seconds(self._request, operation)
        named = self._gate.name(operation)
        return Entered(layer, operation, actor.audience, stand, named, age, None if layer in _PICTURED else sheet)

    def layers(self, actor: Actor, operation: str) -> list[Entered]:
        """Give the layers of an operation that the caller may have.

        Raises:
            NotFound: exactly as for an operation that nobody has.
            NotShared: there is no layer that may be given.
        """
        found: list[Entered] = []
        refused: FlashpointError = NotFound(_MISSING)
        for layer in Layer:
            try:
                found.append(self.enter(actor, layer, operation))
            except (NotShared, NotFound) as error:
                refused = error
        if not found:
            raise refused
        return found


_PICTURED = frozenset({Layer.COMMUNITIES, Layer.INCIDENTS})


async def _doorway(request: Request) -> Doorway:
    # A class or a plain function would be called in a thread, which costs as much as a page from memory.
    return Doorway(request)


Door = Annotated[Doorway, Depends(_doorway)]


def _stand(sheet: Sheet | None) -> Stand | None:
    if sheet is None:
        return None
    released = sheet.released
    return Stand(released.build, released.revision, released.as_of, released.content_sha256.hex())
