"""Finding one row of a matrix by what a person would call it."""

from flashpoint.errors import NotFound
from flashpoint.matrix import Evaluated, release
from flashpoint.store.releases import NewRow
from flashpoint.types import Audience


def find(evaluated: Evaluated, name: str) -> NewRow:
    """Give the cluster's row of a locality by id, P-code or name (in any case).

    Raises:
        NotFound: there is none, or several are called so.
    """
    rows = {row.locality_id: row for row in release(evaluated, Audience.CLUSTER).rows}
    wanted = name.casefold()
    places = evaluated.gathered.localities
    exact = [place for place in places if wanted in {str(place.id), place.pcode.casefold()}]
    named = exact or [place for place in places if place.name.casefold() == wanted]
    if not named:
        raise NotFound("no locality is called so; give its P-code or its whole name")
    if len(named) > 1:
        raise NotFound(f"{len(named)} localities are called so; give one of {', '.join(p.pcode for p in named)}")
    return rows[named[0].id]
