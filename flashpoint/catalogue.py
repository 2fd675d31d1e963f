"""The one catalogue of incident categories and of the names that people read, in English and French.

Each category says how it maps to the vocabularies of the field: ACLED's event and sub-event names, UCDP's type
of violence (1 state-based, 2 non-state, 3 one-sided), the protection risk of the Global Protection Cluster, and,
where it applies, one of the six grave violations against children of the UN monitoring and reporting mechanism.
``protected`` marks what domain rule 8 names: never a point, a small count or a date finer than a month outside
the highest clearance. Severities are not here: they belong to a methodology version.
"""

from dataclasses import dataclass

from flashpoint.types import Tier


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
    protected: bool = False


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
            protected=True,
        ),
        Category(
            "sexual_violence_child",
            "Sexual violence against a child",
            "Violence sexuelle contre un enfant",
            "Violence against civilians / Sexual violence",
            None,
            _GBV,
            "rape and other grave sexual violence",
            protected=True,
        ),
        Category(
            "child_killed_or_maimed",
            "Child killed or maimed",
            "Enfant tué ou mutilé",
            "Violence against civilians / Attack",
            3,
            _ATTACKS,
            "killing and maiming",
            protected=True,
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
            protected=True,
        ),
        Category(
            "child_abduction",
            "Abduction of a child",
            "Enlèvement d'enfant",
            "Violence against civilians / Abduction/forced disappearance",
            None,
            _ABDUCTION,
            "abduction",
            protected=True,
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

TIER_NAMES: dict[Tier, dict[str, str]] = {
    Tier.EXTREME: {"en": "extreme", "fr": "extrême"},
    Tier.HIGH: {"en": "high", "fr": "élevé"},
    Tier.ELEVATED: {"en": "elevated", "fr": "accru"},
    Tier.WATCH: {"en": "watch", "fr": "veille"},
}
