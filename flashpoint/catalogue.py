"""The one catalogue of incident categories and of the names that people read, in English and French.

Each category says how it maps to the vocabularies of the field: ACLED's event and sub-event names, UCDP's type
of violence (1 state-based, 2 non-state, 3 one-sided), the protection risk of the Global Protection Cluster, and,
where it applies, one of the six grave violations against children of the UN monitoring and reporting mechanism.
``protected`` is what domain rule 8 names: never a point, a small count or a date finer than a month outside the highest
clearance. The database has the same list (``vault.category``), for its triggers and policies. Severities are not here:
they belong to a methodology version.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from flashpoint.types import PresenceType, Tier


@dataclass(frozen=True, slots=True)
class Category:
    """One category of incident and what it is called elsewhere."""

    code: str
    en: str
    fr: str
    acled: str
    ucdp: int | None
    protection_risk: str
    grave_violation: str | None = None
    sexual: bool = False

    @property
    def protected(self) -> bool:
        """Whether domain rule 8 names it: sexual violence, or one of the six grave violations."""
        return self.sexual or self.grave_violation is not None


_ATTACKS = "Attacks on civilians and other unlawful killings, and attacks on civilian objects"
_ABDUCTION = "Abduction, kidnapping, enforced disappearance, arbitrary or unlawful arrest and/or detention"
_MOVEMENT = "Unlawful impediments and/or restrictions to freedom of movement, siege and forced displacement"
_GBV = "Gender-based violence"

CATEGORIES: dict[str, Category] = {
    category.code: category
    for category in (
        Category(
            "attack_on_civilians",
            "Attack on civilians",
            "Attaque contre des civils",
            "Violence against civilians / Attack",
            3,
            _ATTACKS,
        ),
        Category(
            "clash_harming_civilians",
            "Armed clash that harmed civilians",
            "Affrontement armé ayant touché des civils",
            "Battles / Armed clash",
            2,
            _ATTACKS,
        ),
        Category(
            "armed_clash",
            "Armed clash",
            "Affrontement armé",
            "Battles / Armed clash",
            1,
            _ATTACKS,
        ),
        Category(
            "shelling",
            "Shelling or air attack",
            "Bombardement ou attaque aérienne",
            "Explosions/Remote violence / Shelling/artillery/missile attack",
            None,
            _ATTACKS,
        ),
        Category(
            "explosive_ordnance",
            "Mine or explosive device",
            "Mine ou engin explosif",
            "Explosions/Remote violence / Remote explosive/landmine/IED",
            None,
            "Presence of mines and other explosive ordnance",
        ),
        Category(
            "attack_on_school",
            "Attack on a school",
            "Attaque contre une école",
            "Violence against civilians / Attack",
            3,
            _ATTACKS,
            "attacks on schools or hospitals",
        ),
        Category(
            "attack_on_health",
            "Attack on a health facility",
            "Attaque contre une structure de santé",
            "Violence against civilians / Attack",
            3,
            _ATTACKS,
            "attacks on schools or hospitals",
        ),
        Category(
            "sexual_violence",
            "Sexual violence",
            "Violence sexuelle",
            "Violence against civilians / Sexual violence",
            None,
            _GBV,
            None,
            sexual=True,
        ),
        Category(
            "sexual_violence_child",
            "Sexual violence against a child",
            "Violence sexuelle contre un enfant",
            "Violence against civilians / Sexual violence",
            None,
            _GBV,
            "rape and other grave sexual violence",
            sexual=True,
        ),
        Category(
            "child_killed_or_maimed",
            "Child killed or maimed",
            "Enfant tué ou mutilé",
            "Violence against civilians / Attack",
            3,
            _ATTACKS,
            "killing and maiming",
        ),
        Category(
            "child_recruitment",
            "Recruitment or use of children",
            "Recrutement ou utilisation d'enfants",
            "Strategic developments / Other",
            None,
            "Child and forced family separation; forced recruitment and association of children in armed forces "
            "and groups",
            "recruitment and use",
        ),
        Category(
            "child_abduction",
            "Abduction of a child",
            "Enlèvement d'enfant",
            "Violence against civilians / Abduction/forced disappearance",
            None,
            _ABDUCTION,
            "abduction",
        ),
        Category(
            "abduction",
            "Abduction or enforced disappearance",
            "Enlèvement ou disparition forcée",
            "Violence against civilians / Abduction/forced disappearance",
            None,
            _ABDUCTION,
        ),
        Category(
            "arbitrary_detention",
            "Arbitrary arrest or detention",
            "Arrestation ou détention arbitraire",
            "Strategic developments / Arrests",
            None,
            _ABDUCTION,
        ),
        Category(
            "torture_or_ill_treatment",
            "Torture or ill-treatment",
            "Torture ou mauvais traitements",
            "Violence against civilians / Attack",
            None,
            "Torture or cruel, inhuman, degrading treatment or punishment",
        ),
        Category(
            "denial_of_humanitarian_access",
            "Denial of humanitarian access",
            "Déni d'accès humanitaire",
            "Strategic developments / Other",
            None,
            "Unlawful denial of access to humanitarian relief",
            "denial of humanitarian access",
        ),
        Category(
            "movement_restriction",
            "Siege or restriction of movement",
            "Siège ou restriction de mouvement",
            "Strategic developments / Other",
            None,
            _MOVEMENT,
        ),
        Category(
            "forced_displacement",
            "Forced displacement",
            "Déplacement forcé",
            "Strategic developments / Other",
            None,
            _MOVEMENT,
        ),
        Category(
            "property_destruction",
            "Looting or destruction of property",
            "Pillage ou destruction de biens",
            "Strategic developments / Looting/property destruction",
            None,
            "Theft, extortion, forced eviction or destruction of personal property",
        ),
        Category(
            "extortion",
            "Extortion or illegal taxation",
            "Extorsion ou taxation illégale",
            "Strategic developments / Looting/property destruction",
            None,
            "Theft, extortion, forced eviction or destruction of personal property",
        ),
        Category(
            "threat_or_incitement",
            "Threat or incitement to violence",
            "Menace ou incitation à la violence",
            "Strategic developments / Other",
            None,
            "Disinformation and denial of access to information",
        ),
    )
}

#: Codes of the categories that domain rule 8 protects.
PROTECTED = frozenset(code for code, category in CATEGORIES.items() if category.protected)

#: Counts of victims that make an incident a grave violation where children are among them.
_GRAVE_FOR_CHILDREN = ("killed", "injured", "abducted")


def is_protected(category: str, splits: Mapping[str, Mapping[str, int]] | None) -> bool:
    """Say whether domain rule 8 protects an incident: by its category, or by the children among its victims.

    ``splits`` says for each count how it divides, as it is stored. A category that nobody knows is protected.
    """
    children = ((splits or {}).get(name, {}).get("child") or 0 for name in _GRAVE_FOR_CHILDREN)
    return category not in CATEGORIES or category in PROTECTED or any(children)


TIER_NAMES: dict[Tier, dict[str, str]] = {
    Tier.EXTREME: {"en": "extreme", "fr": "extrême"},
    Tier.HIGH: {"en": "high", "fr": "élevé"},
    Tier.ELEVATED: {"en": "elevated", "fr": "accru"},
    Tier.WATCH: {"en": "watch", "fr": "veille"},
}


@dataclass(frozen=True, slots=True)
class Term:
    """What something is called, in English and French; ``the_*`` as it stands in a sentence."""

    en: str
    fr: str
    the_en: str
    the_fr: str


#: The three dimensions of the score.
DIMENSION_TERMS: dict[str, Term] = {
    "threat": Term("threat", "menace", "the threat", "la menace"),
    "vulnerability": Term("vulnerability", "vulnérabilité", "vulnerability", "la vulnérabilité"),
    "capacity_gap": Term(
        "lack of protection", "manque de protection", "the lack of protection", "le manque de protection"
    ),
}

#: What contributes to a score, and what may be missing from it, by the names that a row gives them.
INPUT_TERMS: dict[str, Term] = {
    **DIMENSION_TERMS,
    "incident": Term("incident", "incident", "the incident", "l'incident"),
    "coarse_incident": Term(
        "incident in the wider area",
        "incident dans la zone",
        "the incident in the wider area",
        "l'incident dans la zone",
    ),
    "near_incident": Term("incident near by", "incident à proximité", "the incident near by", "l'incident à proximité"),
    "other_incidents": Term("other incidents", "autres incidents", "the other incidents", "les autres incidents"),
    "standing_threat": Term("standing threat", "menace latente", "the standing threat", "la menace latente"),
    "floor": Term("least value", "valeur minimale", "the least value", "la valeur minimale"),
    "population": Term(
        "number of inhabitants", "nombre d'habitants", "the number of inhabitants", "le nombre d'habitants"
    ),
    "displacement": Term(
        "people displaced",
        "personnes déplacées",
        "the number of people displaced",
        "le nombre de personnes déplacées",
    ),
    "protected_sites": Term(
        "protected sites hit", "sites protégés touchés", "the protected sites hit", "les sites protégés touchés"
    ),
    "confinement": Term("confinement", "enclavement", "the degree of confinement", "le degré d'enclavement"),
    "food": Term(
        "hindered access to food", "accès entravé à la nourriture", "the access to food", "l'accès à la nourriture"
    ),
    "water": Term("hindered access to water", "accès entravé à l'eau", "the access to water", "l'accès à l'eau"),
    "health": Term(
        "hindered access to health care", "accès entravé aux soins", "the access to health care", "l'accès aux soins"
    ),
    "market": Term(
        "hindered access to the market", "accès entravé au marché", "the access to the market", "l'accès au marché"
    ),
    "confined_people": Term(
        "people confined", "personnes enclavées", "the number of people confined", "le nombre de personnes enclavées"
    ),
    "unprotected": Term("without protection", "sans protection", "the lack of protection", "le manque de protection"),
    "presence": Term(
        "protective presence", "présence de protection", "the protective presence", "la présence de protection"
    ),
    "presence_unknown": Term(
        "protection not recorded",
        "protection non renseignée",
        "the protection that nobody recorded",
        "la protection non renseignée",
    ),
    "casualties": Term(
        "casualties",
        "bilan des victimes",
        "the number of killed, injured and abducted",
        "le bilan des tués, blessés et enlevés",
    ),
    "expired_assessment": Term(
        "expired assessment of a community",
        "évaluation périmée d'une communauté",
        "the present situation of the enclave community, whose assessment has expired",
        "la situation actuelle de la communauté enclavée, dont l'évaluation est périmée",
    ),
    "coarse_incidents": Term(
        "incidents in the wider area",
        "incidents dans la zone",
        "the exact place of the incidents that are known to a wider area only",
        "le lieu exact des incidents connus seulement à l'échelle d'une zone",
    ),
}

PRESENCE_TERMS: dict[PresenceType, Term] = {
    PresenceType.MISSION_BASE: Term("mission base", "base de la mission", "the mission base", "la base de la mission"),
    PresenceType.MISSION_PATROL: Term(
        "mission patrol", "patrouille de la mission", "the mission patrol", "la patrouille de la mission"
    ),
    PresenceType.STATE_FORCES: Term("State forces", "forces de l'État", "the State forces", "les forces de l'État"),
    PresenceType.ALERT_NETWORK: Term("alert network", "réseau d'alerte", "the alert network", "le réseau d'alerte"),
    PresenceType.ESCORT: Term("escort", "escorte", "the escort", "l'escorte"),
    PresenceType.NONE: Term("none found", "aucune constatée", "no presence", "aucune présence"),
}


def input_term(name: str) -> Term:
    """Name an input as a row does: by its code, a presence by its type (``presence:escort``) where that is told."""
    code, _, kind = name.partition(":")
    return PRESENCE_TERMS[PresenceType(kind)] if kind else INPUT_TERMS[code]
