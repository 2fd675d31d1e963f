"""The sentences that explain a row, in English and in French side by side, with gaps for what the row says.

A gap is ``{name:form}``: ``number``, ``level``, ``percent``, ``ordinal``; ``one|many`` for the form of a word that goes
with a number; ``name`` and ``the`` for a term of the catalogue; ``together`` and ``aligned`` for lists.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from string import Formatter
from typing import Any

from flashpoint.catalogue import Term
from flashpoint.language import Language


@dataclass(frozen=True, slots=True)
class Both:
    """One phrase in both languages, with the same gaps."""

    en: str
    fr: str


PHRASES: dict[str, Both] = {
    # Where it stands.
    "standing": Both(
        '{name} ranks {rank:ordinal}, with a score of {score:number} out of 100: its tier is "{tier:name}".',
        "{name} est au {rank:ordinal} rang, avec un score de {score:number} sur 100 : son niveau est « {tier:name} ».",
    ),
    "interval": Both(
        "What is missing or uncertain leaves its rank between {first:ordinal} and {last:ordinal}, and its score "
        "between {low:number} and {high:number}.",
        "Ce qui manque ou reste incertain laisse son rang entre le {first:ordinal} et le {last:ordinal}, et son score "
        "entre {low:number} et {high:number}.",
    ),
    "interval_of_rank": Both(
        "Its own score is certain to the digits shown; what is uncertain elsewhere leaves its rank between "
        "{first:ordinal} and {last:ordinal}.",
        "Son propre score est certain, à l'arrondi près ; ce qui est incertain ailleurs laisse son rang entre le "
        "{first:ordinal} et le {last:ordinal}.",
    ),
    "interval_of_score": Both(
        "What is missing or uncertain leaves its score between {low:number} and {high:number}; its rank stays the "
        "same.",
        "Ce qui manque ou reste incertain laisse son score entre {low:number} et {high:number} ; son rang reste le "
        "même.",
    ),
    "interval_of_nothing": Both(
        "Neither its rank nor its score, to the digits shown, hangs on anything missing or uncertain.",
        "Ni son rang ni son score, à l'arrondi près, ne dépendent de ce qui manque ou reste incertain.",
    ),
    # What makes its score.
    "shares": Both(
        "Of its {score:number} {score:point|points}, {most:the} brings {brings:number}, {others:together}.",
        "Sur ses {score:number} {score:point|points}, {most:the} en apporte {brings:number}, {others:together}.",
    ),
    "share": Both("{what:the} {points:number}", "{what:the} {points:number}"),
    "standing_threat": Both(
        "The threat is a standing one: analysts judge the place to be under more threat than its incidents say.",
        "C'est une menace latente : les analystes jugent la localité plus menacée que ne le disent ses incidents.",
    ),
    "one_incident": Both(
        "One verified incident makes up all of the threat.", "Un seul incident vérifié constitue toute la menace."
    ),
    "heaviest_incident": Both(
        "{count:number} verified incidents make up the threat; the heaviest of them, with {heaviest:number} "
        "{heaviest:point|points}, makes up at least half.",
        "{count:number} incidents vérifiés constituent la menace ; le plus lourd d'entre eux, avec {heaviest:number} "
        "{heaviest:point|points}, en constitue au moins la moitié.",
    ),
    "incidents": Both(
        "{count:number} verified incidents make up the threat; the heaviest brings {heaviest:number} "
        "{heaviest:point|points}, and it takes {half:number} of them to make up half.",
        "{count:number} incidents vérifiés constituent la menace ; le plus lourd apporte {heaviest:number} "
        "{heaviest:point|points}, et il en faut {half:number} pour en faire la moitié.",
    ),
    "incidents_and_others": Both(
        "{count:number} verified {count:incident brings|incidents bring} {brings:number} {brings:point|points} of the "
        "threat, and others not named here bring {others:number}.",
        "{count:number} {count:incident vérifié apporte|incidents vérifiés apportent} {brings:number} "
        "{brings:point|points} de la menace, et d'autres, non nommés ici, en apportent {others:number}.",
    ),
    "unnamed_incidents": Both(
        "The threat comes from verified incidents not named here.",
        "La menace vient d'incidents vérifiés, non nommés ici.",
    ),
    "faded_incidents": Both(
        "The verified incidents there hardly weigh any more.",
        "Les incidents vérifiés n'y pèsent presque plus.",
    ),
    "no_incident": Both(
        "No verified incident and no standing threat weighs on it.",
        "Aucun incident vérifié ni aucune menace latente ne pèse sur la localité.",
    ),
    "vulnerable_population": Both(
        "Vulnerability is that of the population as a whole, in points: {inputs:aligned}.",
        "La vulnérabilité est celle de la population entière, en points : {inputs:aligned}.",
    ),
    "vulnerable_community": Both(
        "Vulnerability is that of the enclave community, in points: {inputs:aligned}.",
        "La vulnérabilité est celle de la communauté enclavée, en points : {inputs:aligned}.",
    ),
    "input": Both("{what:name} {points:number}", "{what:name} {points:number}"),
    "protection_unknown": Both(
        "Nobody has recorded what protects people there, so an assumed value stands in for it.",
        "Personne n'a renseigné ce qui y protège la population : une valeur supposée en tient lieu.",
    ),
    "protection": Both(
        "With no protection at all, the lack of it would bring {whole:number} {whole:point|points}; the protective "
        "presence takes off {off:number} ({presences:aligned}).",
        "Sans aucune protection, ce manque apporterait {whole:number} {whole:point|points} ; la présence de "
        "protection en retire {off:number} ({presences:aligned}).",
    ),
    "no_protection": Both(
        "No protective presence on record there has an effect that shows.",
        "Aucune présence de protection recensée n'y a d'effet visible.",
    ),
    "full_protection": Both(
        "Protection there is as strong as the score can show.",
        "La protection y est aussi forte que le score peut le montrer.",
    ),
    # How much is known.
    "never_reported": Both(
        "No verified report has been placed there; silence is not safety.",
        "Aucun signalement vérifié n'y a été localisé ; le silence n'est pas synonyme de sécurité.",
    ),
    "silent": Both(
        "No verified report has come from there for {days:number} {days:day|days}; silence is not safety.",
        "Aucun signalement vérifié n'en est parvenu depuis {days:number} {days:jour|jours} ; le silence n'est pas "
        "synonyme de sécurité.",
    ),
    "silent_for_weeks": Both(
        "No verified report has come from there for about {days:number} {days:day|days}; silence is not safety.",
        "Aucun signalement vérifié n'en est parvenu depuis environ {days:number} {days:jour|jours} ; le silence n'est "
        "pas synonyme de sécurité.",
    ),
    "reported_today": Both(
        "The newest verified report from there is less than a day old.",
        "Le dernier signalement vérifié remonte à moins d'un jour.",
    ),
    "reported": Both(
        "The newest verified report from there is {days:number} {days:day|days} old.",
        "Le dernier signalement vérifié remonte à {days:number} {days:jour|jours}.",
    ),
    "reported_within_weeks": Both(
        "The newest verified report from there is at most {days:number} {days:day|days} old.",
        "Le dernier signalement vérifié remonte à {days:number} {days:jour|jours} au plus.",
    ),
    "all_known": Both("All inputs that apply there are known.", "Toutes les données qui s'y appliquent sont connues."),
    "much_known": Both(
        "{coverage:percent} of the inputs that apply there are known.",
        "{coverage:percent} des données qui s'y appliquent sont connues.",
    ),
    "little_known": Both(
        "Only {coverage:percent} of the inputs that apply there are known: read the interval before the rank.",
        "Seules {coverage:percent} des données qui s'y appliquent sont connues : lisez l'intervalle avant le rang.",
    ),
    "always_first": Both(
        "In practically all trials with other plausible weights, it is among the first {k:number}.",
        "Dans pratiquement tous les essais avec d'autres pondérations plausibles, la localité est parmi les "
        "{k:number} premières.",
    ),
    "often_first": Both(
        "In {share:percent} of the trials with other plausible weights, it is among the first {k:number}.",
        "Dans {share:percent} des essais avec d'autres pondérations plausibles, la localité est parmi les {k:number} "
        "premières.",
    ),
    "never_first": Both(
        "In practically none of the trials with other plausible weights is it among the first {k:number}.",
        "Dans pratiquement aucun des essais avec d'autres pondérations plausibles, la localité n'est parmi les "
        "{k:number} premières.",
    ),
    "roughly_first": Both(
        "In about {share:percent} of the trials with other plausible weights, it is among the first {k:number}.",
        "Dans environ {share:percent} des essais avec d'autres pondérations plausibles, la localité est parmi les "
        "{k:number} premières.",
    ),
    # What changed.
    "not_ranked": Both("It was not ranked last week.", "La localité n'était pas classée la semaine dernière."),
    "change": Both(
        "Since last week its score has {score:phrase}, its rank has {rank:phrase} and its tier {tier:phrase}.",
        "Depuis la semaine dernière, son score {score:phrase}, son rang {rank:phrase} et son niveau {tier:phrase}.",
    ),
    "score_stayed": Both("stayed at {now:number}", "est resté à {now:number}"),
    "score_rose": Both("risen from {then:number} to {now:number}", "est monté de {then:number} à {now:number}"),
    "score_fell": Both("fallen from {then:number} to {now:number}", "est descendu de {then:number} à {now:number}"),
    "rank_stayed": Both("stayed {now:ordinal}", "est resté le {now:ordinal}"),
    "rank_moved": Both("gone from {then:ordinal} to {now:ordinal}", "est passé du {then:ordinal} au {now:ordinal}"),
    "tier_stayed": Both("has stayed the same", "est resté le même"),
    "tier_moved": Both('has gone from "{then:name}" to "{now:name}"', "est passé de « {then:name} » à « {now:name} »"),
    "levels_stayed": Both(
        "Neither threat nor vulnerability nor the lack of protection has moved to speak of.",
        "Ni la menace, ni la vulnérabilité, ni le manque de protection n'ont changé de façon sensible.",
    ),
    "levels": Both("On a scale up to 1, {moves:together}.", "Sur une échelle allant jusqu'à 1, {moves:together}."),
    "level": Both(
        "{what:the} went from {then:number} to {now:number}", "{what:the} a évolué de {then:number} à {now:number}"
    ),
    "rough_level": Both(
        "{what:the} went from {then:level} to {now:level}", "{what:the} a évolué de {then:level} à {now:level}"
    ),
    # What would change it.
    "nothing_to_know": Both(
        "Nothing that is missing there would change its score.", "Rien de ce qui y manque ne changerait son score."
    ),
    "margin": Both(
        "It would tell most to establish {what:the}: the score could then lie anywhere from {least:number} (rank "
        "{worst:number}) to {most:number} (rank {best:number}).",
        "Le plus utile serait d'établir {what:the} : le score pourrait alors aller de {least:number} (rang "
        "{worst:number}) à {most:number} (rang {best:number}).",
    ),
    "next_margin": Both(
        "Then {what:the}: from {least:number} (rank {worst:number}) to {most:number} (rank {best:number}).",
        "Puis {what:the} : de {least:number} (rang {worst:number}) à {most:number} (rang {best:number}).",
    ),
    # Beside the sentences: headings, legends and what stands under a picture.
    "heading": Both(
        "{name} ({pcode}), {operation} as known on {at} UTC", "{name} ({pcode}), {operation} : état connu le {at} UTC"
    ),
    "reconstructed": Both(
        "Reconstructed: the operation was not recorded here yet, so when things became known is assumed.",
        "Reconstitution : l'opération n'était pas encore enregistrée ici, le moment où les faits ont été connus est "
        "supposé.",
    ),
    "points": Both("points", "points"),
    "input_of_points": Both("made by", "dû à"),
    "record": Both("record", "fiche"),
    "points_title": Both(
        "{score:number} points, and what makes them: every line together is the score",
        "{score:number} points, et ce qui les fait : toutes les lignes ensemble font le score",
    ),
    "further_inputs": Both(
        "{count:number} further {count:line|lines}", "{count:number} {count:autre ligne|autres lignes}"
    ),
    "course_title": Both("The score, week by week", "Le score, semaine par semaine"),
    "course": Both(
        "Lowest {low:number} ({low_at}), highest {high:number} ({high_at}), last {now:number}; rank {first:number} to "
        "{last:number}, last {rank:number}. {band} is what missing and uncertain inputs leave open.",
        "Minimum {low:number} ({low_at}), maximum {high:number} ({high_at}), dernier {now:number} ; rang "
        "{first:number} à {last:number}, dernier {rank:number}. {band} est ce que laissent ouvert les données "
        "manquantes ou incertaines.",
    ),
    "picture_title": Both(
        '{name} ({pcode}): score {score:number}, rank {rank:number}, tier "{tier:name}"',
        "{name} ({pcode}) : score {score:number}, rang {rank:number}, niveau « {tier:name} »",
    ),
    "score_axis": Both("score (0 to 100 points)", "score (de 0 à 100 points)"),
    "week_axis": Both("as known at the end of each week", "état connu à la fin de chaque semaine"),
    "points_axis": Both("points of the score, added up", "points du score, additionnés"),
    "left_open": Both(
        "left open by missing and uncertain inputs", "laissé ouvert par les données manquantes ou incertaines"
    ),
    "total": Both("score", "score"),
    "made": Both(
        "Flashpoint, operation {operation}, as known on {at} UTC, method {method}.",
        "Flashpoint, opération {operation}, état connu le {at} UTC, méthode {method}.",
    ),
    "source": Both(
        "Source: verified records of the operation, newest report {through}.",
        "Source : fiches vérifiées de l'opération, dernier signalement {through}.",
    ),
    "none_yet": Both("none", "aucun"),
}


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase by its key, and what goes into its gaps."""

    key: str
    values: Mapping[str, Any]


def phrase(key: str, /, **values: object) -> Phrase:
    """Choose a phrase and fill its gaps."""
    return Phrase(key, values)


def write(chosen: Phrase, language: Language) -> str:
    """Write a phrase in a language."""
    return "".join(
        literal if name is None else literal + _fill(chosen.values[name], form, language)
        for literal, name, form in _parsed(chosen.key, language.code)
    )


@cache
def _parsed(key: str, code: str) -> tuple[tuple[str, str | None, str], ...]:
    """Give what stands before each gap of a phrase, the gap's name and its form."""
    text: str = getattr(PHRASES[key], code)
    return tuple((literal, name, form or "") for literal, name, form, _ in Formatter().parse(text))


def _fill(value: Any, form: str, language: Language) -> str:  # noqa: ANN401 - whatever stands in a gap
    """Write what stands in a gap."""
    if "|" in form:
        return language.form(value, *form.split("|"))
    match form:
        case "phrase":
            return write(value, language)
        case "together" | "aligned":
            join: Any = getattr(language, form)
            return str(join([write(one, language) for one in value]))
        case "name" | "the":
            return _called(value, language.code, definite=form == "the")
        case "number" | "level" | "percent" | "ordinal":
            return str(getattr(language, form)(value))
    return str(value)


def _called(value: Term | Mapping[str, str], code: str, *, definite: bool) -> str:
    if isinstance(value, Term):
        return str(getattr(value, f"the_{code}" if definite else code))
    return value[code]
