"""Bodies that ``POST /v1/incidents`` must refuse, as data.

Each is one step away from a valid incident and must be answered by a 4xx problem that repeats nothing of it,
with nothing written. Where the case plants text, the text is ``TOKEN``: look for it in answers and logs.
``pointer`` and ``code`` are those of the first violation; ``None`` stands for any. Codes are given where the
strict edge (``flashpoint.strictjson``, ``flashpoint.geometry``) decides.
"""

import copy
from datetime import datetime, timedelta

from bad_body import TOKEN, BadBody, Feature
from bad_documents import bad_documents
from bad_fields import bad_fields

__all__ = ["TOKEN", "BadBody", "Feature", "bad_incidents", "good_incident"]


def good_incident(now: datetime) -> Feature:
    """Make a valid incident in PK5, Bangui, three days before ``now`` (aware). Synthetic."""
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [18.55496, 4.36122]},
        "properties": {
            "operation": "DEMO",
            "client_id": "demo-2f1c",
            "category": "attack_on_civilians",
            "event_start": (now - timedelta(days=3)).isoformat(timespec="seconds"),
            "event_end": (now - timedelta(days=2)).isoformat(timespec="seconds"),
            "date_precision": 1,
            "reported_at": (now - timedelta(days=1)).isoformat(timespec="seconds"),
            "geo_precision": 2,
            "admin_pcode": "CF711",
            "perpetrator_class": "armed_group",
            "attribution_confidence": "moderate",
            "killed": {"low": 1, "best": 2, "high": 4, "split": {"female": 1, "male": 1, "child": 0, "adult": 2}},
            "injured": {"low": 0, "best": 3, "high": 8},
            "abducted": {"low": 0, "best": 0, "high": 1},
            "displaced": {"low": 50, "best": 120, "high": 300},
            "protected_site": "school",
            "narrative": "Synthetic example. Armed men entered the neighbourhood at dusk.\nPeople fled to the church.",
            "sharing": "cluster",
            "share_above": "aggregate",
            "consent": "given",
            "exercise": False,
            "supersedes": None,
            "sources": [
                {
                    "type": "witness",
                    "independence_group": "g1",
                    "reliability": "B",
                    "credibility": 2,
                    "obtained_on": (now - timedelta(days=1)).date().isoformat(),
                    "handle": "w-07",
                },
                {
                    "type": "medical",
                    "independence_group": "g2",
                    "reliability": "A",
                    "credibility": 2,
                    "obtained_on": (now - timedelta(days=1)).date().isoformat(),
                    "handle": "m-02",
                },
            ],
        },
    }


def bad_incidents(good: Feature) -> list[BadBody]:
    """Mutate the valid incident ``good`` (left as it is) into every case. It has all the optional fields."""
    planted = copy.deepcopy(good)
    planted["properties"]["narrative"] = f"Synthetic {TOKEN}."
    return [*bad_documents(planted), *bad_fields(planted)]
