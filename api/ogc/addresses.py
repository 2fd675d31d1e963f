"""Addresses within pages: which links of a document a page may show, and how it leads from one to another."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

ROOT: Final = "/ogc"
#: What chooses a page within a result. It means nothing once the result is another.
_PLACE: Final = frozenset({"after", "f"})


def links(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Give the links of a document that lead somewhere: over HTTP, and not by a script or a mail."""
    given = document.get("links") or []
    return [one for one in given if isinstance(one, dict) and _is_safe(str(one.get("href", "")))]


def _is_safe(href: str) -> bool:
    try:
        parts = urlsplit(href)
    except ValueError:
        return False
    # Of what names no scheme only paths of this very host: browsers read a backslash as a slash.
    return parts.scheme in {"http", "https"} or (not parts.scheme and href[:1] == "/" and href[1:2] not in {"/", "\\"})


def here(document: Mapping[str, Any]) -> str | None:
    """Give the address that a document says is its own."""
    own = [str(one["href"]) for one in links(document) if one.get("rel") == "self"]
    identifier = str(document.get("$id", ""))
    return local(own[0]) if own else local(identifier) if _is_safe(identifier) else None


def local(href: str) -> str:
    """Leave the host out: a page stays on the host on which it was asked for."""
    parts = urlsplit(href)
    return urlunsplit(("", "", parts.path or "/", parts.query, ""))


def parameters(address: str) -> dict[str, str]:
    """Give the parameters of an address."""
    return dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))


def path(address: str) -> str:
    """Give the path of an address."""
    return urlsplit(address).path


def changed(address: str, **changes: str | None) -> str:
    """Give the address with other parameters, ``None`` for without, from the first page on, as a page."""
    # Python has no names with a hyphen, and none of the parameters has an underscore.
    new = {name.replace("_", "-"): value for name, value in changes.items()}
    kept = {name: value for name, value in parameters(address).items() if name not in _PLACE}
    return _with(address, {name: value for name, value in {**kept, **new}.items() if value is not None})


def as_page(href: str) -> str:
    """Give the address without a format, so that a browser gets a page."""
    told = local(href)
    return _with(told, {name: value for name, value in parameters(told).items() if name != "f"})


def as_json(href: str) -> str:
    """Give the address with the format named, since a browser would get a page otherwise."""
    told = local(href)
    return _with(told, {**parameters(told), "f": "json"})


def _with(address: str, chosen: Mapping[str, str]) -> str:
    query = urlencode(chosen, quote_via=quote, safe="/:.,*")
    return path(address) + (f"?{query}" if query else "")


def above(address: str, *names: str) -> str:
    """Give the address of something else of the same service and operation: ``above(it, "collections", "matrix")``."""
    operation = parameters(address).get("operation")
    told = "/".join([root(address), *(quote(name, safe="") for name in names)])
    return _with(told, {} if operation is None else {"operation": operation})


def root(address: str) -> str:
    """Give the path of the landing page: where a proxy put it, if it did."""
    before, found, _ = path(address).partition(f"{ROOT}/")
    return before + ROOT if found or path(address).endswith(ROOT) else ROOT


def collection_of(address: str | None) -> str | None:
    """Give the id of the collection that an address is about, if it is about one."""
    parts = path(address or "").split("/")
    at = parts.index("collections") + 1 if "collections" in parts else len(parts)
    return unquote(parts[at]) if at < len(parts) else None
