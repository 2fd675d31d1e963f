"""Layers: what is served to GIS tools, and which columns each audience finds in them. Pure.

    matrix        the localities as they rank now
    localities    the localities alone: names, codes, shapes
    communities   enclave communities, generalised for the audience
    incidents     verified incidents, generalised for the audience
    changes       the localities whose rank, tier or score is another than a week earlier

What can be filtered, sorted by, drawn or exported is what stands in the answer: columns are read out of the finished
properties by their ``path``, and nothing else is ever looked at.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from flashpoint.catalogue import CATEGORIES
from flashpoint.picture import ACCESS, VICTIMS
from flashpoint.types import Audience, PerpetratorClass, ProtectedSite, Tier


class Layer(StrEnum):
    """A collection of features, by the id that it has in every address."""

    MATRIX = "matrix"
    LOCALITIES = "localities"
    COMMUNITIES = "communities"
    INCIDENTS = "incidents"
    CHANGES = "changes"

    @property
    def is_drawn_as_areas(self) -> bool:
        """Whether its features are areas, and not points."""
        return ABOUT[self].shape is Shape.AREAS


class Kind(StrEnum):
    """What the values of a column are."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"


class Shape(StrEnum):
    """The geometry of a layer's features, as OGC API - Features calls it."""

    AREAS = "MultiPolygon"
    POINTS = "Point"


@dataclass(frozen=True, slots=True)
class Text:
    """The same in English and in French."""

    en: str
    fr: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in filters, tiles and tables, and where in a row's properties its value stands."""

    name: str
    kind: Kind
    title: Text
    path: tuple[str, ...]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """What a layer is called, what it holds, and how it is drawn. ``timed``: its features have a time."""

    title: Text
    description: Text
    shape: Shape
    timed: bool


@dataclass(frozen=True, slots=True)
class Stand:
    """Which state of a layer rows are of. ``build`` tells a database made anew, which counts revisions from 1 again.

    ``content`` tells the rows alone from any others: a matrix that is evaluated again, with the same result, has
    another revision and moment and the same content. ``box`` is west, south, east and north of where features can lie,
    where that is known apart from them.
    """

    build: str
    revision: int
    as_of: datetime
    content: str
    box: tuple[float, float, float, float] | None = None


def _column(  # noqa: PLR0913, PLR0917 - a line of a table
    name: str, kind: Kind, en: str, fr: str, path: tuple[str, ...] | None = None, choices: Iterable[str] = ()
) -> Column:
    return Column(name, kind, Text(en, fr), path or (name,), tuple(choices))


_NAMES = (
    _column("name", Kind.TEXT, "Name", "Nom"),
    _column("pcode", Kind.TEXT, "P-code", "P-code"),
)
_CODES = (
    _column("code_list", Kind.TEXT, "Code list", "Liste de codes"),
    _column("adm1_pcode", Kind.TEXT, "Prefecture (P-code)", "Préfecture (P-code)"),
    _column("adm2_pcode", Kind.TEXT, "Sub-prefecture (P-code)", "Sous-préfecture (P-code)"),
    _column("adm3_pcode", Kind.TEXT, "Commune (P-code)", "Commune (P-code)"),
)
_RANKS = (
    _column("rank", Kind.INTEGER, "Rank", "Rang"),
    _column("rank_low", Kind.INTEGER, "Rank, at best", "Rang, au plus haut"),
    _column("rank_high", Kind.INTEGER, "Rank, at worst", "Rang, au plus bas"),
    _column("top_k_share", Kind.NUMBER, "Share of trials in the top", "Part des essais en tête"),
)
_SCORES = (
    _column("score", Kind.NUMBER, "Score", "Score"),
    _column("score_low", Kind.NUMBER, "Score, at least", "Score, au moins"),
    _column("score_high", Kind.NUMBER, "Score, at most", "Score, au plus"),
    _column("tier", Kind.TEXT, "Tier", "Niveau", choices=Tier),
    _column("trend_days_7", Kind.NUMBER, "Change in 7 days", "Évolution sur 7 jours", path=("trend", "days_7")),
    _column("trend_days_30", Kind.NUMBER, "Change in 30 days", "Évolution sur 30 jours", path=("trend", "days_30")),
    _column("threat", Kind.NUMBER, "Threat", "Menace"),
    _column("vulnerability", Kind.NUMBER, "Vulnerability", "Vulnérabilité"),
    _column("capacity_gap", Kind.NUMBER, "Lack of protection", "Manque de protection"),
    _column("silent", Kind.BOOLEAN, "Silent", "Silencieux"),
    _column("coverage", Kind.NUMBER, "Share of inputs known", "Part des données connues"),
    _column("freshness_days", Kind.INTEGER, "Age of the newest input (days)", "Âge de la dernière donnée (jours)"),
)
_AT_RISK = _column("people_at_risk", Kind.INTEGER, "People at risk", "Personnes exposées")
_ZONE = (
    _column("zone", Kind.TEXT, "Zone (P-code)", "Zone (P-code)"),
    _column("zone_name", Kind.TEXT, "Zone", "Zone"),
    _column("zone_level", Kind.INTEGER, "Level of the zone", "Niveau de la zone"),
)
_PERIOD = _column("period", Kind.TEXT, "Period", "Période")
_TOWN = (
    _column("locality", Kind.TEXT, "Locality (id)", "Localité (id)"),
    _column("locality_pcode", Kind.TEXT, "Locality (P-code)", "Localité (P-code)"),
    _column("locality_name", Kind.TEXT, "Locality", "Localité"),
)
_GENERALISED = _column("generalised", Kind.BOOLEAN, "Generalised", "Généralisé")
_HARM = {
    "killed": Text("Killed", "Tués"),
    "injured": Text("Injured", "Blessés"),
    "abducted": Text("Abducted", "Enlevés"),
    "displaced": Text("Displaced", "Déplacés"),
    "people": Text("People", "Personnes"),
}
_ENDS = {
    "low": Text("at least", "au moins"),
    "best": Text("best estimate", "estimation"),
    "high": Text("at most", "au plus"),
}
_OPEN = {
    "food_access": Text("Access to food (0-4)", "Accès à la nourriture (0-4)"),
    "water_access": Text("Access to water (0-4)", "Accès à l'eau (0-4)"),
    "health_access": Text("Access to health care (0-4)", "Accès aux soins (0-4)"),
    "market_access": Text("Access to a market (0-4)", "Accès au marché (0-4)"),
}


def _band(name: str) -> Column:
    title = _HARM[name]
    return Column(f"{name}_band", Kind.TEXT, Text(f"{title.en} (band)", f"{title.fr} (tranche)"), (f"{name}_band",))


def _range(name: str) -> tuple[Column, ...]:
    title = _HARM[name]
    return tuple(
        Column(f"{name}_{end}", Kind.INTEGER, Text(f"{title.en}, {at.en}", f"{title.fr}, {at.fr}"), (name, end))
        for end, at in _ENDS.items()
    )


_INCIDENT = (
    _column("category", Kind.TEXT, "Category", "Catégorie", choices=CATEGORIES),
    _PERIOD,
    *_ZONE,
    _column("perpetrator_class", Kind.TEXT, "Held to have done it", "Auteur présumé", choices=PerpetratorClass),
    *(_band(name) for name in VICTIMS),
    _column("protected_site", Kind.TEXT, "Protected site", "Site protégé", choices=ProtectedSite),
)
_INCIDENT_FINE = (
    _GENERALISED,
    _column("date", Kind.TEXT, "Date", "Date"),
    *_TOWN,
    _column("attributed_to", Kind.TEXT, "Attributed to", "Attribué à", choices=PerpetratorClass),
    _column("attribution_verified", Kind.BOOLEAN, "Attribution verified", "Attribution vérifiée"),
    _column("standard", Kind.TEXT, "Standard of proof", "Niveau de preuve"),
    *(column for name in VICTIMS for column in _range(name)),
)
_COMMUNITY = (
    _PERIOD,
    *_ZONE,
    _band("people"),
    _column("confinement", Kind.INTEGER, "Confinement (0-4)", "Confinement (0-4)"),
    *(Column(name, Kind.INTEGER, _OPEN[name], (name,)) for name in ACCESS),
    _column("expired", Kind.BOOLEAN, "Assessment expired", "Évaluation périmée"),
)
_COMMUNITY_FINE = (
    _GENERALISED,
    _NAMES[0],
    *_TOWN,
    *_range("people"),
    _column("assessed_on", Kind.TEXT, "Assessed on", "Évalué le"),
    _column("expires_on", Kind.TEXT, "Expires on", "Valable jusqu'au"),
)
_CHANGE = (
    *_NAMES,
    *(
        _column(f"{name}_{end}", kind, f"{en}, {when.en}", f"{fr}, {when.fr}", path=(name, end))
        for name, kind, en, fr in (
            ("rank", Kind.INTEGER, "Rank", "Rang"),
            ("tier", Kind.TEXT, "Tier", "Niveau"),
            ("score", Kind.NUMBER, "Score", "Score"),
        )
        for end, when in {"from": Text("before", "avant"), "to": Text("now", "maintenant")}.items()
    ),
)

ABOUT = {
    Layer.MATRIX: About(
        Text("Flashpoint matrix", "Matrice des points chauds"),
        Text(
            "Every locality of the operation with its rank, score and tier, as of the newest evaluation.",
            "Chaque localité de l'opération avec son rang, son score et son niveau, selon la dernière évaluation.",
        ),
        Shape.AREAS,
        timed=True,
    ),
    Layer.LOCALITIES: About(
        Text("Localities", "Localités"),
        Text(
            "The localities that are ranked: names, P-codes and shapes.",
            "Les localités classées : noms, P-codes et contours.",
        ),
        Shape.AREAS,
        timed=False,
    ),
    Layer.COMMUNITIES: About(
        Text("Enclave communities", "Communautés enclavées"),
        Text(
            "Enclave communities as your audience may know of them. A point is drawn once, anywhere in its zone.",
            "Les communautés enclavées, telles que votre public peut les connaître. Un point est placé une fois pour "
            "toutes, n'importe où dans sa zone.",
        ),
        Shape.POINTS,
        timed=True,
    ),
    Layer.INCIDENTS: About(
        Text("Verified incidents", "Incidents vérifiés"),
        Text(
            "Verified incidents as your audience may know of them. A point is drawn once, anywhere in its zone: it "
            "says nothing of where in the zone it happened.",
            "Les incidents vérifiés, tels que votre public peut les connaître. Un point est placé une fois pour "
            "toutes, n'importe où dans sa zone : il ne dit rien du lieu exact.",
        ),
        Shape.POINTS,
        timed=True,
    ),
    Layer.CHANGES: About(
        Text("Changes of the matrix", "Évolutions de la matrice"),
        Text(
            "The localities whose rank, tier or score is another than a week earlier, and those that are new.",
            "Les localités dont le rang, le niveau ou le score a changé en une semaine, et celles qui sont nouvelles.",
        ),
        Shape.AREAS,
        timed=True,
    ),
}


@cache
def columns(layer: Layer, audience: Audience) -> tuple[Column, ...]:
    """Give the columns that an audience finds in a layer, in the order in which tables show them."""
    cluster = audience is Audience.CLUSTER
    return {
        Layer.MATRIX: (*_RANKS, *_NAMES, *_CODES, *_SCORES, *((_AT_RISK,) if cluster else ())),
        Layer.LOCALITIES: (*_NAMES, *_CODES),
        Layer.COMMUNITIES: (*_COMMUNITY, *(_COMMUNITY_FINE if cluster else ())),
        Layer.INCIDENTS: (*_INCIDENT, *(_INCIDENT_FINE if cluster else ())),
        Layer.CHANGES: _CHANGE,
    }[layer]


def members(layer: Layer, audience: Audience) -> frozenset[str]:
    """Give the members of a layer's properties."""
    nested = ("contributions", "override", "response") if layer is Layer.MATRIX else ()
    return frozenset((*(column.path[0] for column in columns(layer, audience)), *nested))


def value_of(properties: Any, column: Column) -> Any:  # noqa: ANN401 - members of JSON
    """Give what a row's properties say in a column; ``None`` where they say nothing."""
    found = properties
    for name in column.path:
        found = None if found is None else found.get(name)
    return found
