"""The servers that ``bench/gis.py`` measures, each in a process of its own on a loopback port.

tipg and pygeoapi are installed, as pinned in ``peers.txt``, into a virtual environment in the user's cache folder. They
run as their own documentation says, with one worker like ours: tipg under uvicorn with uvloop and httptools, pygeoapi's
Starlette app under the same (its Flask app under gunicorn was no faster, with threads or without). All settings that
bear on speed are their own defaults, but that pygeoapi compresses when asked to, and that its pages may be as large as
tipg's. Their tables are those of ``gis_world``.
"""

import hashlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote

from sqlalchemy import make_url

from bench.gis_world import LAYERS, OPERATION
from flashpoint.layers import ABOUT

PINNED = Path(__file__).with_name("peers.txt")
OURS, SHELFLESS, PEERS = "ours", "ours (no shelf)", ("tipg", "pygeoapi")
_PATIENCE_S = 60
_SILENT: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
#: Our own server, as ``flashpoint serve`` runs it; and the same with a shelf that takes nothing.
_SERVE = "from flashpoint.cli import app; app(['serve'])"
_SHELFLESS = f"from api import shelf; shelf.LARGEST_BYTES = -1; {_SERVE}"


@dataclass(frozen=True)
class Server:
    """A running server, and how it is asked for a layer's items and tiles."""

    name: str
    pid: int
    port: int
    items: str
    tiles: str
    headers: dict[str, str] = field(default_factory=dict)


def environment() -> Path:
    """Give the folder of the peers' programs; install them first where they are not there."""
    home = Path.home() / ".cache" / "flashpoint-bench" / hashlib.sha256(PINNED.read_bytes()).hexdigest()[:12]
    if not (home / "whole").exists():
        print(f"installing the peers into {home}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", "--requirement", PINNED], check=True)
        (home / "whole").touch()
    return home / "bin"


def everybody(url: str, folder: Path, key: str) -> list[AbstractContextManager[Server]]:
    """Give all servers, not started yet."""
    ours = [flashpoint(url, folder, key, shelf=shelf) for shelf in (False, True)]
    return [*ours, tipg(url), pygeoapi(url, folder)]


@contextmanager
def flashpoint(url: str, home: Path, key: str, *, shelf: bool = True) -> Iterator[Server]:
    """Run this service."""
    given = {
        "FLASHPOINT_DATABASE_URL": url,
        "FLASHPOINT_HOME": str(home),
        # A limit that is never reached: requests are still counted.
        "FLASHPOINT_REQUESTS_PER_MINUTE": "1000000",
    }
    program = [sys.executable, "-c", _SERVE if shelf else _SHELFLESS]
    with _running(program, given, "FLASHPOINT_PORT") as (pid, port):
        _await(port, "/readyz")
        yield Server(
            OURS if shelf else SHELFLESS,
            pid,
            port,
            f"/ogc/collections/{{layer}}/items?operation={OPERATION}&",
            f"/tiles/{{layer}}/{{z}}/{{x}}/{{y}}?operation={OPERATION}",
            {"Authorization": f"Bearer {key}"},
        )


@contextmanager
def tipg(url: str) -> Iterator[Server]:
    """Run tipg on the peers' tables."""
    given = {"DATABASE_URL": _libpq(url), "TIPG_DB_SCHEMAS": '["peers"]'}
    program = [environment() / "uvicorn", "tipg.main:app", "--log-level", "warning", "--no-access-log"]
    with _running(program, given, "--port") as (pid, port):
        _await(port, "/healthz")
        items = "/collections/peers.{layer}/items?"
        tiles = "/collections/peers.{layer}/tiles/WebMercatorQuad/{z}/{x}/{y}?properties={columns}"
        yield Server("tipg", pid, port, items, tiles, {"Accept": "application/geo+json, */*"})


@contextmanager
def pygeoapi(url: str, folder: Path) -> Iterator[Server]:
    """Run pygeoapi on the peers' tables."""
    programs, config, described = environment(), folder / "pygeoapi.json", folder / "openapi.yml"
    config.write_text(json.dumps(_configuration(url)))
    given = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(described)}
    generate = [programs / "pygeoapi", "openapi", "generate", config, "--output-file", described]
    subprocess.run([*_with(given), *generate], check=True, **_SILENT)
    program = [programs / "uvicorn", "pygeoapi.starlette_app:APP", "--log-level", "warning", "--no-access-log"]
    with _running(program, given, "--port") as (pid, port):
        _await(port, "/conformance?f=json")
        items = "/collections/{layer}/items?f=json&"
        tiles = "/collections/{layer}/tiles/WebMercatorQuad/{z}/{y}/{x}?f=mvt"
        yield Server("pygeoapi", pid, port, items, tiles)


def _configuration(url: str) -> dict[str, Any]:
    place = make_url(url)
    data = {
        "host": place.query["host"],
        "port": 5432,
        "dbname": place.database,
        "user": place.username,
        "password": "",
        "search_path": ["peers", "public"],
    }
    contact = {"name": "Bench", "url": "http://127.0.0.1"}
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": 1},
            "url": "http://127.0.0.1",
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "languages": ["en-US"],
            "limits": {"default_items": 10, "max_items": 10_000},
            "gzip": True,
            "map": {"url": "", "attribution": ""},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": "Bench", "description": "Bench", "keywords": ["bench"], "url": "http://127.0.0.1",
                "terms_of_service": "none",
            },
            "license": {"name": "none", "url": "http://127.0.0.1"},
            "provider": contact,
            "contact": contact,
        },
        "resources": {str(layer): _resource(str(layer), ABOUT[layer].title.en, data) for layer in LAYERS},
    }  # fmt: skip


def _resource(table: str, title: str, data: dict[str, Any]) -> dict[str, Any]:
    common = {"data": data, "id_field": "id", "table": table, "geom_field": "geom"}
    return {
        "type": "collection",
        "title": title,
        "description": title,
        "keywords": ["bench"],
        "links": [],
        "extents": {"spatial": {"bbox": [-180, -90, 180, 90], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}},
        "providers": [
            {"type": "feature", "name": "PostgreSQL", **common},
            {
                "type": "tile", "name": "MVT-postgresql", **common,
                "options": {"zoom": {"min": 0, "max": 15}},
                "format": {"name": "pbf", "mimetype": "application/vnd.mapbox-vector-tile"},
            },
        ],
    }  # fmt: skip


@contextmanager
def _running(program: list[Any], given: dict[str, str], port_is: str) -> Iterator[tuple[int, int]]:
    """Start a program on a free port, told by an option or by a variable; end it afterwards."""
    port = _free_port()
    option = [port_is, str(port)] if port_is.startswith("--") else []
    given = given if option else {**given, port_is: str(port)}
    process = subprocess.Popen([*_with(given), *program, *option], **_SILENT)
    try:
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(20)


def _with(given: dict[str, str]) -> list[str]:
    """Begin a command that sets variables; the rest of the environment goes with it unread."""
    return ["env", *(f"{name}={value}" for name, value in given.items())]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(port: int, path: str) -> None:
    """Wait until the server answers 200."""
    give_up_at = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
                return
        except (URLError, OSError):
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.2)


def _libpq(url: str) -> str:
    place = make_url(url)
    return f"postgresql://{place.username}@{quote(str(place.query['host']), safe='')}/{place.database}"
