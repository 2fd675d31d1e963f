"""Finding one row of a matrix by what a person would call it."""

import unicodedata

from flashpoint.errors import NotFound
from flashpoint.matrix import Evaluated, release
from flashpoint.store.releases import NewRow
from flashpoint.types import Audience


def find(evaluated: Evaluated, name: str) -> NewRow:
    """Give the cluster's row of a locality by id, P-code or name in any case, without accents, or its start.

    Raises:
        NotFound: there is none, or several are called so.
    """
    rows = {row.locality_id: row for row in release(evaluated, Audience.CLUSTER).rows}
    wanted = _folded(name)
    places = evaluated.gathered.localities
    exact = [place for place in places if wanted in {str(place.id), place.pcode.casefold()}]
    whole = [place for place in places if _folded(place.name) == wanted]
    named = exact or whole or [place for place in places if _folded(place.name).startswith(wanted)]
    if not named:
        raise NotFound("no locality is called so; give its P-code or its name")
    if len(named) > 1:
        raise NotFound(f"{len(named)} localities are called so; give one of {', '.join(p.pcode for p in named)}")
    return rows[named[0].id]


def _folded(name: str) -> str:
    """Leave out case and accents: nobody types Dékoa the same way twice."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))
