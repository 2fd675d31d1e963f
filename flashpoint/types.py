"""The vocabulary: ids, enumerations and the small frozen values that every other module speaks in.

Nothing here knows of a database, a web framework or a clock.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import NewType
from uuid import UUID

ActorId = NewType("ActorId", UUID)
IncidentId = NewType("IncidentId", UUID)
LocalityId = NewType("LocalityId", UUID)
OperationCode = NewType("OperationCode", str)


class Role(StrEnum):
    """What a key holder does here (see ``access.py`` for what each may do)."""

    ANALYST = "analyst"
    VERIFIER = "verifier"
    COORDINATOR = "coordinator"
    READER = "reader"
    AUDITOR = "auditor"


class Audience(StrEnum):
    """For whom a release is made. A reader sees exactly one of them."""

    CLUSTER = "cluster"
    MISSION = "mission"


class Credential(StrEnum):
    """What somebody comes with: a key of ours, or, as an enrolled person, a token of the sign-in provider."""

    KEY = "key"
    PERSON = "person"


class Sharing(StrEnum):
    """Who may learn of a record, from most open to most closed."""

    PUBLIC = "public"
    MISSION = "mission"
    CLUSTER = "cluster"
    RESTRICTED = "restricted"


class ShareAbove(StrEnum):
    """What of a record may be used above its sharing level.

    ``detail``: its generalised content; ``aggregate``: it counts in the score and is never shown;
    ``none``: not even that, so it cannot move the one rank that all audiences see.
    """

    DETAIL = "detail"
    AGGREGATE = "aggregate"
    NONE = "none"


class Consent(StrEnum):
    """Whether those concerned agreed that the record is kept and used."""

    GIVEN = "given"
    NOT_REQUIRED = "not_required"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class State(StrEnum):
    """The truth states of an incident."""

    REPORTED = "reported"
    CORROBORATING = "corroborating"
    VERIFIED = "verified"
    NOT_VERIFIED = "not_verified"
    DISPUTED = "disputed"
    WITHDRAWN = "withdrawn"
    DUPLICATE = "duplicate"


class Attribution(StrEnum):
    """What is known of who did it, apart from whether it happened."""

    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    DISPUTED = "disputed"


class Wait(StrEnum):
    """What an incident waits to be decided on."""

    OCCURRENCE = "occurrence"
    EDIT = "edit"
    ATTRIBUTION = "attribution"


class Standard(StrEnum):
    """The standard of proof declared on a verification."""

    REASONABLE_GROUNDS = "reasonable_grounds"
    CLEAR_AND_CONVINCING = "clear_and_convincing"
    EXTERNAL_UCDP = "external:ucdp"


class WithdrawalReason(StrEnum):
    """Why a record was withdrawn; the tombstone says it."""

    FALSE = "false"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    HARM = "harm"


class PurgeReason(StrEnum):
    """Why what people said of a record was erased: for want of consent, or kept for as long as was agreed."""

    CONSENT = "consent"
    RETENTION = "retention"


#: Why a place of a replaced code list is gone. Nobody can ask for it: only the import of the next list says so.
REPLACED = "replaced"


class DatePrecision(IntEnum):
    """How well the time of an event is known."""

    DAY = 1
    WITHIN_A_WEEK = 2
    MONTH = 3
    YEAR = 4


class GeoPrecision(IntEnum):
    """How well the place of an event is known."""

    EXACT = 1
    NEAR = 2
    COMMUNE = 3
    SUB_PREFECTURE = 4
    PREFECTURE = 5
    COUNTRY = 6


class Confidence(StrEnum):
    """How sure the reporter is of an attribution."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"


class PerpetratorClass(StrEnum):
    """Who is held to have done it. The State may be the threat; ``unknown`` is a good answer."""

    STATE_FORCES = "state_forces"
    FOREIGN_STATE_FORCES = "foreign_state_forces"
    ARMED_GROUP = "armed_group"
    SELF_DEFENCE_GROUP = "self_defence_group"
    COMMUNAL_MILITIA = "communal_militia"
    MISSION_FORCES = "mission_forces"
    CRIMINAL_GROUP = "criminal_group"
    CIVILIANS = "civilians"
    UNKNOWN = "unknown"


class ProtectedSite(StrEnum):
    """A site that the law of war protects and that the incident touched."""

    SCHOOL = "school"
    HEALTH_FACILITY = "health_facility"
    PLACE_OF_WORSHIP = "place_of_worship"
    DISPLACEMENT_SITE = "displacement_site"


class SourceType(StrEnum):
    """What kind of source a piece of information came from."""

    VICTIM = "victim"
    WITNESS = "witness"
    FAMILY_OR_COMMUNITY_LEADER = "family_or_community_leader"
    MEDICAL = "medical"
    LOCAL_AUTHORITY = "local_authority"
    SECURITY_FORCE = "security_force"
    ARMED_ACTOR = "armed_actor"
    COMMUNITY_LIAISON_ASSISTANT = "community_liaison_assistant"
    UN_FIELD_STAFF = "un_field_staff"
    NGO = "ngo"
    MEDIA = "media"
    SOCIAL_MEDIA = "social_media"
    SATELLITE = "satellite"


class PresenceType(StrEnum):
    """A protective presence. ``none`` records that somebody looked and found no protection."""

    MISSION_BASE = "mission_base"
    MISSION_PATROL = "mission_patrol"
    STATE_FORCES = "state_forces"
    ALERT_NETWORK = "alert_network"
    ESCORT = "escort"
    NONE = "none"


class Tier(StrEnum):
    """The published bands of the score, from most to least urgent."""

    EXTREME = "extreme"
    HIGH = "high"
    ELEVATED = "elevated"
    WATCH = "watch"


class Confinement(IntEnum):
    """How far the people of an enclave community can move."""

    FREE = 0
    RESTRICTED_BY_FEAR = 1
    ESCORT_ONLY = 2
    PERIMETER_LIMITED = 3
    SEALED = 4


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number known as a range: ``low <= best <= high``, all at least 0."""

    low: int
    best: int
    high: int


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: the one argument that every read and write of the store requires.

    ``operations`` is the set of operation codes the key is good for, or ``None`` for all of them; ``actions`` the
    permissions it was issued for, or ``None`` for all that its role has.
    """

    id: ActorId
    key_id: UUID
    handle: str
    role: Role
    audience: Audience
    operations: frozenset[str] | None
    expires_at: datetime | None = None
    actions: frozenset[str] | None = None

    def covers(self, operation: str) -> bool:
        """Say whether the actor's key is good for ``operation``."""
        return self.operations is None or operation in self.operations
