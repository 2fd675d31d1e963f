"""Opening the service with programs that other people wrote: the address, the keys, and what they ask of it."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
from service import Service, on_a_port

from flashpoint.access import DEFAULT_AUDIENCE
from flashpoint.types import Role

SAMPLE = "DEMO"
#: The origin whose pages may ask this service. Nobody listens there.
ELSEWHERE = "http://127.0.0.1:9"
SECONDS_FOR_A_PROGRAM = 60
#: Settings of the machine, or of whoever runs the tests, that would change what a client does.
_OWN = ("GDAL_", "OGR_", "CPL_", "QGIS_", "PROJ_", "PYTHON", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


@dataclass(frozen=True)
class Request:
    """What a client asked, and how it was answered."""

    path: str
    query: dict[str, str]
    scheme: str
    status: int


@dataclass(frozen=True)
class Served:
    """A base address; keys of the mission's readers, good for the sample alone and for every operation; requests."""

    url: str
    key: str
    wide_key: str
    requests: list[Request] = field(default_factory=list)

    def read(self, path: str) -> bytes:
        """Read an answer without any GIS client, as what theirs is compared with. It is not counted."""
        asked = list(self.requests)
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request) as answer:
            found: bytes = answer.read()
        self.requests[:] = asked
        return found

    def get(self, path: str) -> Any:
        """Read JSON likewise."""
        return json.loads(self.read(path))

    def features(self, collection: str, query: str = "") -> list[dict[str, Any]]:
        """Give all features of a collection, in one page."""
        page = self.get(f"/ogc/collections/{collection}/items?limit=10000{query}")
        assert page["numberReturned"] == page["numberMatched"] == len(page["features"])
        found: list[dict[str, Any]] = page["features"]
        return found

    @property
    def basic(self) -> str:
        """The key as Basic authentication has it."""
        return "Basic " + b64encode(f"any:{self.key}".encode()).decode()


@contextmanager
def serving(service: Service) -> Iterator[Served]:
    """Serve a running app over a port, and write down what is asked."""
    audience = DEFAULT_AUDIENCE[Role.READER]
    keys = [
        service.caller(f"gis-{name}", Role.READER, audience, operations).token
        for name, operations in (("reader", (SAMPLE,)), ("wide", None))
    ]
    requests: list[Request] = []

    async def recorded(scope: Any, receive: Any, send: Any) -> None:
        async def told(message: Any) -> None:
            if message["type"] == "http.response.start":
                requests.append(_request(scope, message["status"]))
            await send(message)

        await service.app(scope, receive, told)

    with on_a_port(recorded) as url:
        yield Served(url, *keys, requests)


def _request(scope: Any, status: int) -> Request:
    query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    header = dict(scope["headers"]).get(b"authorization", b"").decode()
    one_of_each = {name: ",".join(values) for name, values in query.items()}
    return Request(unquote(scope["path"]), one_of_each, header.partition(" ")[0], status)


def ids_of(features: list[dict[str, Any]]) -> list[str]:
    """Give the ids, in their order."""
    return [feature["id"] for feature in features]


def of_items(requests: list[Request]) -> list[dict[str, str]]:
    """Give the queries of the requests for items."""
    assert {one.status for one in requests} <= {200, 204, 304}, requests
    return [one.query for one in requests if one.path.endswith("/items")]


def environment(**given: str) -> dict[str, str]:
    """Give the environment of a client: ours without what would change its ways, and what is given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    return kept | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"} | given


def program(name: str, package: str) -> str:
    """Find a program, or skip."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: {package}); make clients")
    return found


def run(*command: str | Path, **given: str) -> str:
    """Run a client to its end; give what it prints, which says nothing of having failed."""
    done = subprocess.run(
        [str(part) for part in command],
        env=environment(**given),
        capture_output=True,
        text=True,
        timeout=SECONDS_FOR_A_PROGRAM,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def ask_script(script: str, served: Served, asked: dict[str, Any], **how: str) -> "dict[str, Found]":
    """Have a script beside this file do the tasks of ``asked``, in one process; give what it found, task by task.

    It is handed JSON and prints JSON. A client's library in our own process would stand in the way of the server, which
    runs in a thread of it. Before each task the script asks ``/healthz``, by which requests are told apart.
    """
    served.requests.clear()
    python = how.pop("python", sys.executable)
    told = json.loads(run(python, Path(__file__).parent / script, json.dumps(asked | {"base": served.url}), **how))
    requests: list[list[Request]] = []
    for one in served.requests:
        if one.path == "/healthz":
            requests.append([])
        else:
            requests[-1].append(one)
    return {name: Found(told[name], told["version"], of) for name, of in zip(asked["tasks"], requests, strict=True)}


@dataclass(frozen=True)
class Found:
    """What a script told of a task, which version of the client did it, and what it asked for it."""

    told: dict[str, Any]
    version: str
    requests: list[Request]
