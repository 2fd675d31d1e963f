"""Sound GeoJSON whose fields break a rule: missing, unknown, of the wrong type, out of range, out of order."""

from datetime import datetime, timedelta
from typing import Any

from bad_body import KILLED, PROPERTIES, SOURCE, SPLIT, TOKEN, BadBody, Feature, Path, with_raw, with_value, without

TOO_BIG = 2**63
FAR_FUTURE = "2999-01-01T00:00:00+00:00"


def bad_fields(good: Feature) -> list[BadBody]:
    """Mutate ``good`` into every case of this module."""
    kinds = (_missing, _unknown_members, _wrong_types, _vocabulary, _times, _numbers, _lengths, _texts)
    return [case for kind in kinds for case in kind(good)]


REQUIRED = (
    "operation",
    "category",
    "event_start",
    "date_precision",
    "geo_precision",
    "sharing",
    "share_above",
    "consent",
)
RANGES = ("killed", "injured", "abducted", "displaced")
SOURCE_FIELDS = ("type", "independence_group", "reliability", "credibility", "obtained_on", "handle")


def _missing(good: Feature) -> list[BadBody]:
    return [
        *(without(good, f"missing-{name}", (*PROPERTIES, name)) for name in REQUIRED),
        *(with_value(good, f"null-{name}", (*PROPERTIES, name), None) for name in REQUIRED),
        *(without(good, f"missing-killed-{name}", (*KILLED, name)) for name in ("low", "best", "high")),
        *(with_value(good, f"null-killed-{name}", (*KILLED, name), None) for name in ("low", "best", "high")),
        *(without(good, f"missing-source-{name}", (*SOURCE, name)) for name in SOURCE_FIELDS if name != "handle"),
        with_value(good, "properties-empty", PROPERTIES, {}, pointer=None),
    ]


def _unknown_members(good: Feature) -> list[BadBody]:
    # What the service decides must not be settable, and what it must never hold must not be kept.
    names = (
        "extra",
        "state",
        "id",
        "version",
        "verified_by",
        "duplicate_of",
        "locality_id",
        "score",
        "reporter",
        "created_at",
        "victim_name",
        "phone",
        "__proto__",
        "Sharing",
        "",
    )
    source_names = ("name", "phone", "email", "organisation", "device")
    return [
        *(with_value(good, f"extra-{name or 'nameless'}", (*PROPERTIES, name), TOKEN, pointer=None) for name in names),
        *(with_value(good, f"extra-source-{name}", (*SOURCE, name), TOKEN, pointer=None) for name in source_names),
        with_value(good, "extra-named-by-client", (*PROPERTIES, TOKEN), 1, pointer=None),
        with_value(good, "extra-killed", (*KILLED, "median"), 2, pointer=None),
        with_value(good, "extra-split", (*SPLIT, "unknown"), 2, pointer=None),
    ]


STRINGS = (
    "operation",
    "client_id",
    "category",
    "admin_pcode",
    "perpetrator_class",
    "attribution_confidence",
    "protected_site",
    "narrative",
    "sharing",
    "share_above",
    "consent",
    "supersedes",
)
INSTANTS = ("event_start", "event_end", "reported_at")
NOT_STRINGS = {"integer": 7, "float": 7.5, "boolean": True, "array": [TOKEN], "object": {"value": TOKEN}}
NOT_INTEGERS = {
    "string": "1",
    "float": 1.5,
    "whole-float": 1.0,
    "boolean": True,
    "array": [1],
    "object": {"value": 1},
    "beyond-64-bits": TOO_BIG,
}
NOT_BOOLEANS = {"string": "true", "one": 1, "zero": 0, "float": 1.0, "array": [True], "object": {}}


def _wrong_types(good: Feature) -> list[BadBody]:
    def each(path: Path, wrong: dict[str, Any], pointer: str | None = "there") -> list[BadBody]:
        expected = {} if pointer == "there" else {"pointer": pointer}
        name = "-".join(str(step) for step in path[1:])
        return [with_value(good, f"type-{name}-{kind}", path, value, **expected) for kind, value in wrong.items()]

    objects: dict[str, Any] = {"integer": 3, "string": TOKEN, "boolean": False, "array": [1, 2, 3]}
    return [
        *(case for name in STRINGS for case in each((*PROPERTIES, name), NOT_STRINGS)),
        *(case for name in INSTANTS for case in each((*PROPERTIES, name), NOT_STRINGS)),
        *(case for name in ("date_precision", "geo_precision") for case in each((*PROPERTIES, name), NOT_INTEGERS)),
        *each((*PROPERTIES, "exercise"), NOT_BOOLEANS),
        *(case for name in RANGES for case in each((*PROPERTIES, name), objects | {"empty": {}}, None)),
        *(case for name in ("low", "best", "high") for case in each((*KILLED, name), NOT_INTEGERS, None)),
        *each(SPLIT, objects, None),
        *(case for name in ("female", "adult") for case in each((*SPLIT, name), NOT_INTEGERS, None)),
        *each((*PROPERTIES, "sources"), {"integer": 1, "string": TOKEN, "boolean": True, "object": {}}, None),
        *each(SOURCE, {"integer": 1, "string": TOKEN, "null": None, "array": [], "empty": {}}, None),
        *(
            case
            for name in SOURCE_FIELDS
            for case in each((*SOURCE, name), NOT_INTEGERS if name == "credibility" else NOT_STRINGS)
        ),
    ]


def _vocabulary(good: Feature) -> list[BadBody]:
    enums = ("category", "perpetrator_class", "attribution_confidence", "protected_site", "sharing", "share_above")
    return [
        *(
            with_value(good, f"{name}-{kind}", (*PROPERTIES, name), value)
            for name in (*enums, "consent")
            for kind, value in {"unknown": TOKEN, "blank": ""}.items()
        ),
        *(
            with_value(good, f"{name}-{kind}", (*PROPERTIES, name), change(good["properties"][name]))
            for name in ("category", "sharing", "consent")
            for kind, change in {"upper-case": str.upper, "padded": lambda text: f"{text} "}.items()
        ),
        with_value(good, "category-label", (*PROPERTIES, "category"), "Attack on civilians"),
        with_value(good, "category-injection", (*PROPERTIES, "category"), f"attack_on_civilians'; -- {TOKEN}"),
        with_value(good, "operation-unknown", (*PROPERTIES, "operation"), "ZZTOP", pointer=None),
        with_value(good, "operation-lower-case", (*PROPERTIES, "operation"), "demo", pointer=None),
        with_value(good, "operation-blank", (*PROPERTIES, "operation"), "", pointer=None),
        with_value(good, "operation-wildcard", (*PROPERTIES, "operation"), "%", pointer=None),
        with_value(good, "supersedes-not-an-id", (*PROPERTIES, "supersedes"), TOKEN),
        with_value(good, "supersedes-blank", (*PROPERTIES, "supersedes"), ""),
        with_value(
            good,
            "supersedes-nothing",
            (*PROPERTIES, "supersedes"),
            "00000000-0000-4000-8000-000000000000",
            pointer=None,
        ),
        with_value(good, "source-type-unknown", (*SOURCE, "type"), TOKEN),
        with_value(good, "source-type-blank", (*SOURCE, "type"), ""),
        with_value(good, "source-reliability-g", (*SOURCE, "reliability"), "G"),
        with_value(good, "source-reliability-lower-case", (*SOURCE, "reliability"), "b"),
        with_value(good, "source-reliability-two", (*SOURCE, "reliability"), "AB"),
    ]


def _times(good: Feature) -> list[BadBody]:
    properties = good["properties"]
    start = datetime.fromisoformat(properties["event_start"])
    texts = {
        "not-a-date": TOKEN,
        "blank": "",
        "without-offset": properties["event_start"][:19],
        "date-only": properties["event_start"][:10],
        "epoch-as-text": "1700000000",
        "impossible-day": "2025-02-30T10:00:00+00:00",
        "impossible-month": "2025-13-01T10:00:00+00:00",
        "impossible-hour": "2025-01-01T25:00:00+00:00",
        "impossible-offset": "2025-01-01T10:00:00+25:00",
        "not-a-leap-year": "2023-02-29T10:00:00Z",
        "year-0": "0000-01-01T00:00:00Z",
        "year-10000": "10000-01-01T00:00:00Z",
        "before-year-1-in-utc": "0001-01-01T00:00:00+14:00",
        "after-year-9999-in-utc": "9999-12-31T23:59:59-12:00",
        "negative-year": "-2025-01-01T00:00:00Z",
        "day-first": "31/01/2025 10:00",
        "week-date": "2025-W01-1T10:00:00Z",
        "zone-name": "2025-01-01T10:00:00 Africa/Bangui",
        "padded": " 2025-01-01T10:00:00Z ",
        "other-digits": "٢٠٢٥-01-01T10:00:00Z",
        "future": FAR_FUTURE,
    }
    days = {
        "not-a-date": TOKEN,
        "blank": "",
        "impossible": "2025-02-30",
        "with-time": "2025-01-01T10:00:00Z",
        "day-first": "01/02/2025",
        "epoch-as-text": "1700000000",
        "year-0": "0000-01-01",
        "year-10000": "10000-01-01",
        "future": FAR_FUTURE[:10],
    }
    zoned = (start - timedelta(minutes=1)).replace(tzinfo=None).isoformat(timespec="seconds")
    return [
        *(
            with_value(
                good,
                f"{name}-{kind}",
                (*PROPERTIES, name),
                text,
                pointer=f"/properties/{name}" if kind != "future" else None,
            )
            for name in INSTANTS
            for kind, text in texts.items()
        ),
        *(
            with_value(good, f"obtained-on-{kind}", (*SOURCE, "obtained_on"), text, pointer=None)
            for kind, text in days.items()
        ),
        with_value(
            good,
            "ends-before-it-starts",
            (*PROPERTIES, "event_end"),
            (start - timedelta(seconds=1)).isoformat(timespec="seconds"),
            pointer=None,
        ),
        # Later on the clock of its own zone, and earlier in fact.
        with_value(good, "ends-before-it-starts-in-utc", (*PROPERTIES, "event_end"), f"{zoned}+00:30", pointer=None),
    ]


def _numbers(good: Feature) -> list[BadBody]:
    def outside(path: Path, *values: int) -> list[BadBody]:
        name = "-".join(str(step) for step in path[1:])
        return [with_value(good, f"range-{name}-{value}", path, value) for value in values]

    def estimate(name: str, low: int, best: int, high: int) -> list[BadBody]:
        value = {"low": low, "best": best, "high": high}
        return [with_value(good, f"{field}-{name}", (*PROPERTIES, field), value, pointer=None) for field in RANGES]

    raw = {
        "nan": b"NaN",
        "infinity": b"Infinity",
        "minus-infinity": b"-Infinity",
        "1e400": b"1e400",
        "-1e400": b"-1e400",
    }
    huge = {"64-bit": b"9223372036854775808", "negative": b"-9223372036854775809", "5000-digits": b"9" * 5000}
    best: Path = (*KILLED, "best")
    return [
        *outside((*PROPERTIES, "date_precision"), 0, 5, -1, 2**31),
        *outside((*PROPERTIES, "geo_precision"), 0, 7, -1, 2**31),
        *outside((*SOURCE, "credibility"), 0, 7, -1, 2**31),
        *outside((*SPLIT, "female"), -1, 2**63 - 1),
        *estimate("low-above-best", 3, 2, 4),
        *estimate("best-above-high", 1, 5, 4),
        *estimate("low-above-high", 9, 9, 4),
        *estimate("negative-low", -1, 2, 4),
        *estimate("all-negative", -4, -2, -1),
        *estimate("beyond-32-bits", 0, 0, 2**31),
        *estimate("end-of-64-bits", 2**63 - 1, 2**63 - 1, 2**63 - 1),
        *(with_raw(good, f"number-{name}", best, text, code="not_finite") for name, text in raw.items()),
        *(with_raw(good, f"integer-{name}", best, text, code="integer_range") for name, text in huge.items()),
        with_raw(good, "number-exponent", best, b"2e0", pointer=None),
        with_raw(good, "number-minus-zero-float", best, b"-0.0", pointer=None),
    ]


def _lengths(good: Feature) -> list[BadBody]:
    source = good["properties"]["sources"][0]
    return [
        with_value(good, "client-id-101", (*PROPERTIES, "client_id"), "x" * 101),
        with_value(good, "narrative-5001", (*PROPERTIES, "narrative"), "x" * 5001),
        with_value(good, "narrative-5001-astral", (*PROPERTIES, "narrative"), "\U0001f54a" * 5001),
        with_value(good, "admin-pcode-10000", (*PROPERTIES, "admin_pcode"), "C" * 10_000),
        with_value(good, "operation-10000", (*PROPERTIES, "operation"), "D" * 10_000, pointer=None),
        with_value(good, "category-10000", (*PROPERTIES, "category"), "c" * 10_000),
        with_value(good, "source-group-61", (*SOURCE, "independence_group"), "x" * 61),
        with_value(good, "source-handle-61", (*SOURCE, "handle"), "x" * 61),
        with_value(good, "sources-51", (*PROPERTIES, "sources"), [source] * 51),
        with_value(good, "sources-5000", (*PROPERTIES, "sources"), [source] * 5000),
    ]


def _texts(good: Feature) -> list[BadBody]:
    """Characters that no field may hold, in every field that holds text, and in the names of members."""
    forbidden: dict[str, Any] = {"code": "forbidden_character"}
    characters = {
        "nul": "\x00",
        "bell": "\x07",
        "carriage-return": "\r",
        "escape": "\x1b[31m",
        "record-separator": "\x1e",
        "delete": "\x7f",
        "next-line": "\x85",
        "high-surrogate": "\ud83d",
        "low-surrogate": "\ude00",
        "surrogates-reversed": "\ude00\ud83d",
        "non-character-fffe": "\ufffe",
        "non-character-ffff": "\uffff",
        "non-character-fdd0": "\ufdd0",
        "non-character-10ffff": "\U0010ffff",
    }
    return [
        *(
            with_value(good, f"narrative-{name}", (*PROPERTIES, "narrative"), f"{TOKEN}{text}", **forbidden)
            for name, text in characters.items()
        ),
        *(
            with_value(good, f"nul-in-{name}", (*PROPERTIES, name), "x\x00", **forbidden)
            for name in (*STRINGS, *INSTANTS)
            if name != "narrative"
        ),
        *(
            with_value(good, f"nul-in-source-{name}", (*SOURCE, name), "x\x00", **forbidden)
            for name in ("type", "independence_group", "handle")
        ),
        with_value(good, "nul-in-feature-id", ("id",), "x\x00", **forbidden),
        with_value(good, "nul-in-a-name", (*PROPERTIES, "killed\x00"), 1, pointer="/properties", **forbidden),
        with_value(good, "newline-in-a-name", (*PROPERTIES, "kil\nled"), 1, pointer="/properties", **forbidden),
        with_value(good, "surrogate-in-a-name", (*KILLED, "low\ud800"), 1, pointer="/properties/killed", **forbidden),
    ]
