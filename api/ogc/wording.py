"""The words of the pages, in English and in French side by side, and how values and dates are written in them."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from flashpoint.catalogue import CATEGORIES, TIER_NAMES
from flashpoint.language import LANGUAGES, Code
from flashpoint.layers import ABOUT, Column, Kind, Layer, Text
from flashpoint.matrix import CLASSIFICATION
from flashpoint.types import Audience, PerpetratorClass, ProtectedSite, Standard, Tier

#: Everything that a page says of its own. Gaps are filled by ``say``.
PHRASES: Final[Mapping[str, Text]] = {
    # Around every page.
    "skip": Text("Skip to the content", "Aller au contenu"),
    "trail": Text("You are here", "Vous êtes ici"),
    "language": Text(
        "This page is in English, as your browser asks.",
        "Cette page est en français, comme le demande votre navigateur.",
    ),
    "as_json": Text("This page as {kind}", "Cette page en {kind}"),
    "formats": Text("Other formats", "Autres formats"),
    # What data are marked with.
    "mark": Text("About these data", "À propos de ces données"),
    "classification": Text("Classification", "Classification"),
    "audience": Text("For", "Pour"),
    "as_of": Text("As of", "Situation au"),
    "data_through": Text("Newest report", "Dernier signalement"),
    "protocol": Text("Shared under", "Partagé selon"),
    "methodology": Text("Method", "Méthode"),
    "cluster": Text("the protection cluster", "le cluster protection"),
    "mission": Text("the mission", "la mission"),
    "stale": Text(
        "Out of date. What you see is the last state that is known: newer data cannot be read at the moment.",
        "Données périmées. Voici le dernier état connu : des données plus récentes ne peuvent pas être lues pour "
        "le moment.",
    ),
    # Landing page.
    "landing": Text("Flashpoint for GIS tools", "Flashpoint pour les outils SIG"),
    "landing_about": Text(
        "The matrix and the layers around it, as OGC API - Features. Give the address of this page to QGIS, GDAL or "
        "ArcGIS, with your key as the password.",
        "La matrice et les couches qui l'entourent, selon OGC API - Features. Donnez l'adresse de cette page à QGIS, "
        "GDAL ou ArcGIS, avec votre clé comme mot de passe.",
    ),
    "attribution": Text("Attribution: {text}", "Attribution : {text}"),
    "to_landing": Text("Start", "Accueil"),
    "to_collections": Text("Layers", "Couches"),
    "to_conformance": Text("What this service conforms to", "Normes respectées"),
    "to_api": Text("Description of the interface", "Description de l'interface"),
    "to_queryables": Text("Columns to filter and sort by", "Colonnes pour filtrer et trier"),
    "to_items": Text("Features of this layer", "Entités de cette couche"),
    "to_schema": Text("Schema of the features", "Schéma des entités"),
    "to_collection": Text("About this layer", "À propos de cette couche"),
    "to_tilesets": Text("Vector tiles (TileJSON)", "Tuiles vectorielles (TileJSON)"),
    "to_file": Text("Download as {kind}", "Télécharger en {kind}"),
    "to_license": Text("Terms of use", "Conditions d'utilisation"),
    "links": Text("Where to go from here", "Poursuivre"),
    # Other pages.
    "conformance_about": Text(
        "Each of these requirements classes is tested.", "Chacune de ces classes d'exigences est testée."
    ),
    "collections_about": Text(
        "What you may see of this operation, layer by layer.", "Ce que vous pouvez voir de cette opération."
    ),
    "features_of": Text("Features: {title}", "Entités : {title}"),
    "about_of": Text("About: {title}", "À propos : {title}"),
    "extent": Text("Extent", "Étendue"),
    "box": Text("{west} to {east} east, {south} to {north} north", "de {west} à {east} est, de {south} à {north} nord"),
    "in_time": Text("In time", "Dans le temps"),
    "since": Text("from {start}", "à partir du {start}"),
    "until": Text("until {end}", "jusqu'au {end}"),
    "between": Text("{start} to {end}", "{start} au {end}"),
    "crs": Text("Coordinate systems", "Systèmes de coordonnées"),
    "storage_crs": Text("Stored in", "Stocké en"),
    "id": Text("Identifier", "Identifiant"),
    "fact": Text("Subject", "Sujet"),
    "value": Text("Value", "Valeur"),
    "properties": Text("Properties", "Propriétés"),
    "shape": Text("Shape", "Géométrie"),
    "a_point": Text(
        "Point at {longitude} longitude, {latitude} latitude",
        "Point à {longitude} de longitude, {latitude} de latitude",
    ),
    "numbers": Text(
        "Point at {first}; {second} in the system asked for", "Point à {first} ; {second} dans le système demandé"
    ),
    "an_area": Text("Area", "Surface"),
    "time": Text("Time", "Temps"),
    "feature": Text("Feature", "Entité"),
    "queryables": Text("Columns: {title}", "Colonnes : {title}"),
    "queryables_about": Text(
        "A filter may use these names. Save for id, geometry and time, sortby and properties take them too.",
        "Un filtre peut employer ces noms. Sauf id, geometry et time, sortby et properties les acceptent aussi.",
    ),
    "column": Text("Name in requests", "Nom dans les requêtes"),
    "title": Text("What it says", "Ce qu'elle dit"),
    "kind": Text("Values", "Valeurs"),
    "string": Text("text", "texte"),
    "integer": Text("whole number", "nombre entier"),
    "number": Text("number", "nombre"),
    "boolean": Text("yes or no", "oui ou non"),
    "geometry": Text("shape", "géométrie"),
    "routes": Text("Routes", "Routes"),
    "method": Text("Method", "Méthode HTTP"),
    "address": Text("Address", "Adresse"),
    "summary": Text("What it does", "Ce qu'elle fait"),
    "problem": Text("This did not work", "Cela n'a pas fonctionné"),
    "problem_list": Text("What is wrong", "Ce qui ne va pas"),
    "pointer": Text("Where", "Où"),
    "rule": Text("Rule", "Règle"),
    # The table of features.
    "count": Text("Features on this page: {shown} of {all}.", "Entités sur cette page : {shown} sur {all}."),
    "count_shown": Text("Features on this page: {shown}.", "Entités sur cette page : {shown}."),
    "nothing": Text("No feature matches.", "Aucune entité ne correspond."),
    "dash": Text("A dash stands for what is not known or does not apply.", "Un tiret : inconnu ou sans objet."),
    "sort": Text("The titles of columns sort by them.", "Les titres des colonnes permettent de trier."),
    "pages": Text("Pages", "Pages"),
    "first": Text("First page", "Première page"),
    "prev": Text("Previous page", "Page précédente"),
    "next": Text("Next page", "Page suivante"),
    "per_page": Text("On one page:", "Par page :"),
    "narrow": Text("Narrow down", "Restreindre"),
    "narrowed": Text("Narrowed down", "Restreint"),
    "filter": Text("Filter (CQL2)", "Filtre (CQL2)"),
    "filter_hint": Text("For instance {example}", "Par exemple {example}"),
    "apply_filter": Text("Apply this filter", "Appliquer ce filtre"),
    "drop_filter": Text("Remove the filter", "Retirer le filtre"),
    "datetime": Text("Time", "Période"),
    "datetime_hint": Text(
        "A day, or from/to with .. for an open end, for instance 2026-11-01/..",
        "Un jour, ou début/fin avec .. pour une borne ouverte, par exemple 2026-11-01/..",
    ),
    "apply_datetime": Text("Apply this time", "Appliquer cette période"),
    "drop_datetime": Text("Remove the limits of time", "Retirer la période"),
    "drop_bbox": Text("Remove the limits in space", "Retirer l'emprise"),
    "yes": Text("yes", "oui"),
    "no": Text("no", "non"),
    "community": Text("Enclave community", "Communauté enclavée"),
    "week": Text("week {week}, {year}", "semaine {week}, {year}"),
}

_CLASSES: Final[Mapping[str, Text]] = {
    PerpetratorClass.STATE_FORCES: Text("State forces", "Forces de l'État"),
    PerpetratorClass.FOREIGN_STATE_FORCES: Text("Foreign State forces", "Forces d'un État étranger"),
    PerpetratorClass.ARMED_GROUP: Text("Armed group", "Groupe armé"),
    PerpetratorClass.SELF_DEFENCE_GROUP: Text("Self-defence group", "Groupe d'autodéfense"),
    PerpetratorClass.COMMUNAL_MILITIA: Text("Communal militia", "Milice communautaire"),
    PerpetratorClass.MISSION_FORCES: Text("Mission forces", "Forces de la mission"),
    PerpetratorClass.CRIMINAL_GROUP: Text("Criminal group", "Groupe criminel"),
    PerpetratorClass.CIVILIANS: Text("Civilians", "Civils"),
    PerpetratorClass.UNKNOWN: Text("Unknown", "Inconnu"),
}
_TIERS: Final[Mapping[str, Text]] = {tier: Text(**names) for tier, names in TIER_NAMES.items()}
#: What the codes of a column stand for; codes that are not here are shown as they are.
_CODES: Final[Mapping[str, Mapping[str, Text]]] = {
    "tier": _TIERS,
    "tier_from": _TIERS,
    "tier_to": _TIERS,
    "category": {code: Text(one.en, one.fr) for code, one in CATEGORIES.items()},
    "perpetrator_class": _CLASSES,
    "attributed_to": _CLASSES,
    "protected_site": {
        ProtectedSite.SCHOOL: Text("School", "École"),
        ProtectedSite.HEALTH_FACILITY: Text("Health facility", "Structure de santé"),
        ProtectedSite.PLACE_OF_WORSHIP: Text("Place of worship", "Lieu de culte"),
        ProtectedSite.DISPLACEMENT_SITE: Text("Displacement site", "Site de déplacés"),
    },
    "standard": {
        Standard.REASONABLE_GROUNDS: Text("Reasonable grounds", "Motifs raisonnables"),
        Standard.CLEAR_AND_CONVINCING: Text("Clear and convincing", "Clair et convaincant"),
        Standard.EXTERNAL_UCDP: Text("External (UCDP)", "Externe (UCDP)"),
    },
}
_MARKS: Final[Mapping[str, Text]] = {
    CLASSIFICATION[Audience.CLUSTER]: Text(CLASSIFICATION[Audience.CLUSTER], "Cluster protection, interne"),
    CLASSIFICATION[Audience.MISSION]: Text(CLASSIFICATION[Audience.MISSION], "Mission, diffusion restreinte"),
}
_MONTHS: Final[Mapping[Code, str]] = {
    "en": "January February March April May June July August September October November December",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
}
_SHARES: Final = frozenset({"coverage", "top_k_share"})
_TIMES: Final = frozenset({"period", "date", "assessed_on", "expires_on"})
_MONTH: Final = re.compile(r"(\d{4})-(\d{2})")
_WEEK: Final = re.compile(r"(\d{4})-W(\d{2})")
DASH: Final = "\u2013"


def say(key: str, language: Code, **gaps: object) -> str:
    """Give a phrase in a language, its gaps filled."""
    text = of(PHRASES[key], language)
    # The signs of the phrase are set, never those of what fills it: that is data.
    return (text[:1] + LANGUAGES[language].sentence(text)[1:]).format(**gaps)


def of(text: Text, language: Code) -> str:
    """Give what a text is in a language."""
    return text.fr if language == "fr" else text.en


def about(collection: str, language: Code) -> tuple[str, str]:
    """Give the title and the description of a collection; one that is none of ours is called by its id."""
    if collection not in set(Layer):
        return collection, ""
    layer = ABOUT[Layer(collection)]
    return of(layer.title, language), of(layer.description, language)


def classification(told: str, language: Code) -> str:
    """Give a classification in a language; one that nobody translated stays as it is."""
    return of(_MARKS[told], language) if told in _MARKS else told


def value(column: Column, found: Any, language: Code) -> str:  # noqa: ANN401 - a member of JSON
    """Write the value of a column."""
    if found is None:
        return DASH
    names = _CODES.get(column.name)
    if names is not None:
        return of(names[found], language) if found in names else str(found)
    if column.kind is Kind.BOOLEAN:
        return say("yes" if found else "no", language)
    if column.name in _TIMES:
        return span(str(found), language)
    return _number(column, found, language) if column.kind is not Kind.TEXT else str(found)


def _number(column: Column, found: Any, language: Code) -> str:  # noqa: ANN401 - a member of JSON
    if isinstance(found, bool) or not isinstance(found, int | float):
        return str(found)
    chosen = LANGUAGES[language]
    return chosen.percent(found) if column.name in _SHARES else chosen.number(found)


def tier(column: Column, found: Any) -> str | None:  # noqa: ANN401 - a member of JSON
    """Give the tier that a value names, by the code that its colour goes by."""
    return found if _CODES.get(column.name) is _TIERS and found in set(Tier) else None


def span(text: str, language: Code) -> str:
    """Write a day, week, month or year of ISO 8601, or two of them with a slash between, as people do."""
    if "/" in text:
        start, _, end = text.partition("/")
        return interval(start, end, language)
    if week := _WEEK.fullmatch(text):
        return say("week", language, week=int(week[2]), year=week[1])
    if (month := _MONTH.fullmatch(text)) and 1 <= int(month[2]) <= 12:  # noqa: PLR2004 - months of a year
        return f"{_month(int(month[2]), language)} {month[1]}"
    return moment(text, language)


def interval(start: str, end: str, language: Code) -> str:
    """Write the time from one instant, day or month to another; ``..`` is an open end."""
    ends = [None if one in {"", ".."} else span(one, language) for one in (start, end)]
    if None not in ends:
        return say("between", language, start=ends[0], end=ends[1])
    if ends[0] is not None:
        return say("since", language, start=ends[0])
    return DASH if ends[1] is None else say("until", language, end=ends[1])


def moment(text: str, language: Code) -> str:
    """Write a day, or an instant in UTC to the minute; what is neither stays as it is."""
    try:
        at = datetime.fromisoformat(text) if "T" in text else None
        at = at and (at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC))
        on = date.fromisoformat(text) if at is None else at.date()
    except ValueError:
        return text
    day = "1er" if on.day == 1 and language == "fr" else str(on.day)
    told = f"{day} {_month(on.month, language)} {on.year}"
    return told if at is None else f"{told}, {at:%H:%M} UTC"


def _month(number: int, language: Code) -> str:
    return _MONTHS[language].split()[number - 1]
