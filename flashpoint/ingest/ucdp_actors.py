"""Who is held to have done it, as far as UCDP says so.

One-sided violence has a perpetrator: side A. In a clash UCDP counts the civilians who died, not who killed them, so the
answer is ``unknown`` when a State took part (type 1) and ``armed_group`` when only organised groups did (type 2).
"""

import re
from collections.abc import Mapping

from flashpoint.ingest.admin import name_key
from flashpoint.types import PerpetratorClass

_STATE_BASED = 1
_GOVERNMENT_OF = re.compile(r"government of (.+)", re.IGNORECASE)

# The one country that GED calls by two names that share no part in parentheses.
_RENAMED = {"macedonia fyr": "north macedonia"}


def perpetrator_class(kind: int, cells: Mapping[str, str]) -> PerpetratorClass:
    """Class the perpetrator of one event by its type of violence (1, 2 or 3) and its side A."""
    if kind == _STATE_BASED:
        return PerpetratorClass.UNKNOWN
    # Several governments on one side are joined by commas; a country such as 'Macedonia, FYR' has a comma of its own.
    sides = re.split(r",\s*(?=Government of )", cells.get("side_a", ""))
    governments = [match[1] for side in sides if (match := _GOVERNMENT_OF.fullmatch(side.strip()))]
    if not governments:
        return PerpetratorClass.ARMED_GROUP if cells.get("side_a") else PerpetratorClass.UNKNOWN
    own = _names(cells.get("country", ""))
    same_code = bool(cells.get("gwnoa")) and cells.get("country_id") in re.findall(r"\d+", cells["gwnoa"])
    at_home = same_code or any(own & _names(government) for government in governments)
    return PerpetratorClass.STATE_FORCES if at_home else PerpetratorClass.FOREIGN_STATE_FORCES


def _names(country: str) -> set[str]:
    """Give the names of a country that GED writes with its former one: 'Madagascar (Malagasy)'."""
    parts = re.findall(r"[^()]+", country)
    keys = {name_key(part) for part in parts} - {""}
    return keys | {_RENAMED[key] for key in keys if key in _RENAMED}
