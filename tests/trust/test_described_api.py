"""Schemathesis reads the API's own description and tries what it says: examples, edges, random values, sequences."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import surfaces_of_layers
from service import on_a_port

from api.app import create_app
from flashpoint.settings import Settings

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
PHASES = ("examples", "coverage", "fuzzing", "stateful")
#: Random values for each route; the edges of every field come on top.
EXAMPLES = 5


def tried(url, folder, token="none", *more):  # noqa: S107 - it is none
    """Run Schemathesis on what a description says; give its report."""
    report = folder / "report.json"
    command = [
        *(Path(sys.executable).with_name("schemathesis"), "run", url, "--no-color"),
        *("--header", f"Authorization: Bearer {token}", "--phases", ",".join(PHASES), "--checks", ",".join(CHECKS)),
        *("--max-examples", str(EXAMPLES), "--generation-deterministic", "--no-shrink", "--continue-on-failure"),
        *("--suppress-health-check", "all", "--warnings", "off", "--report-json-path", report, *more),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=400, check=False)
    assert report.exists(), done.stdout + done.stderr
    return done.returncode, done.stdout, json.loads(report.read_text())


@pytest.fixture(scope="module")
def described(service):
    """The operation that the examples speak of, and the locality that they name."""
    operation = service.operation("DEMO")
    example = service.app.openapi()["paths"]["/v1/localities"]["post"]["requestBody"]["content"]
    place = example["application/geo+json"]["example"]
    place = {**place, "properties": {**place["properties"], "pcode": "CF431-T1"}}
    answer = operation.coordinator.post("/v1/localities", place)
    assert answer.status_code == 201, answer.text
    operation.assess()
    return operation


def test_the_api_does_what_its_description_says(service, described, tmp_path):
    with on_a_port(service.app) as url:
        status, said, report = tried(f"{url}/openapi.json", tmp_path, described.coordinator.token)
    assert status == 0, said
    assert {name: phase["status"] for name, phase in report["phases"].items()} == dict.fromkeys(PHASES, "success")
    assert report["operations"]["tested"] == sum(map(len, service.app.openapi()["paths"].values()))
    assert report["operations"]["errored"] == report["test_cases"]["with_failures"] == 0
    assert report["test_cases"]["generated"] > 3000
    # It found its way to what it had recorded itself, and not to the edges of what is refused alone.
    accepted = {route for route, phases in report["valid_rates"].items() if any(p["accepted"] for p in phases.values())}
    assert {"POST /v1/incidents", "POST /v1/incidents/{incident_id}/sources", "GET /v1/incidents"} <= accepted
    assert "GET /v1/incidents/{incident_id}" in accepted


def test_what_gis_tools_are_told_is_so_too(service, described, tmp_path):
    """The same of the description below ``/ogc``, which is written by hand."""
    with on_a_port(service.app) as url:
        only = ("--phases", "examples,fuzzing")
        status, said, report = tried(f"{url}/ogc/api?f=json", tmp_path, described.reader.token, *only)
    assert status == 0, said
    # All but the description itself, which was read to begin with.
    assert report["operations"]["tested"] == len(surfaces_of_layers.parameters()) - 1
    assert report["test_cases"]["with_failures"] == 0


def test_a_planted_error_is_noticed(tmp_path):
    # The control: one more route, which breaks below zero.
    app = create_app(Settings(home=tmp_path / "home"), "postgresql://127.0.0.1:1/nowhere")

    @app.get("/v1/planted", tags=["planted"])
    def planted(number: int) -> dict[str, int]:
        """Break below zero."""
        if number < 0:
            raise OverflowError
        return {"number": number}

    with on_a_port(app) as url:
        status, said, _ = tried(f"{url}/openapi.json", tmp_path, "none", "--include-path", "/v1/planted")
    assert status == 1
    assert "Server error" in said
