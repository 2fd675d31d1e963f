"""What the documentation says is so: settings, routes, tables, codes, commands, links and decisions."""

import ast
import inspect
import re
import shlex
import shutil
import subprocess
from collections import Counter
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import httpx
import pytest
import typer.main
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from api.app import create_app
from api.deps import May
from api.problems import STATUS
from flashpoint import cli, errors, reports
from flashpoint.access import PERMISSIONS
from flashpoint.catalogue import CATEGORIES, TIER_NAMES
from flashpoint.settings import Settings
from flashpoint.store import engine, tables
from flashpoint.types import Role
from flashpoint.workflow import REQUESTABLE, TRANSITIONS

ROOT = Path(__file__).resolve().parents[1]
PAPERS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "sample_data/README.md"]
API, README, MODEL, OPERATIONS = (
    (ROOT / name).read_text(encoding="utf-8")
    for name in ("docs/api.md", "README.md", "docs/data-model.md", "docs/operations.md")
)
#: Where violations of requests are made, and which argument of each maker is the code.
CODE_MAKERS = {"Violation": 1, "_FaultError": 0, "PydanticCustomError": 0}
CODE_MODULES = {
    **{path: {} for path in (ROOT / "api").rglob("*.py")},
    **{ROOT / f"flashpoint/{name}.py": {} for name in ("intake", "context", "methods", "reading", "reports")},
    **{ROOT / f"flashpoint/store/{name}.py": {} for name in ("engine", "paging", "places", "incidents", "subjects")},
    **{ROOT / f"flashpoint/scoring/{name}.py": {} for name in ("methodology", "revision")},
    ROOT / "flashpoint/protocol.py": {},
    **{ROOT / f"flashpoint/{name}.py": {"_wrong": 0} for name in ("filters", "store/layer_filters")},
    ROOT / "flashpoint/store/layer_reading.py": {},
    ROOT / "flashpoint/strictjson.py": {"_invalid": 0},
    ROOT / "flashpoint/geometry.py": {"_invalid": 1},
}


def named(paper):
    return paper.relative_to(ROOT).as_posix()


def code_blocks(text, *languages):
    """Give the fenced blocks of these languages, and with ``""`` the indented ones."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    found = [body for language, body in fenced if language in languages]
    return found + (re.findall(r"(?:^(?: {4}.*)?\n)+", text, re.MULTILINE) if "" in languages else [])


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def row_of(text, first_cell):
    """Give the cells of the one table row that begins with this cell."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {first_cell} |")]
    return cells(line)


def table_under(text, heading):
    """Give the cells of every row of the first table below a heading, without its head."""
    section = text[text.index(f"\n{heading}\n") :]
    lines = re.search(r"(?:^\|.*\n?)+", section, re.MULTILINE)[0].splitlines()
    return [cells(line) for line in lines[2:]]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The app, never started: nothing is connected."""
    return create_app(Settings(home=tmp_path_factory.mktemp("home")), "postgresql://nowhere/none")


def routes(app):
    """Yield method, path and what is depended on, however the framework keeps its routes."""
    for route in app.routes:
        if hasattr(route, "effective_route_contexts"):
            for one in route.effective_route_contexts():
                yield from ((method, one.path, one.dependant) for method in one.methods)
        elif isinstance(route, APIRoute):
            yield from ((method, route.path, route.dependant) for method in route.methods)


def permissions(dependant):
    own = {dependant.call.permission} if isinstance(dependant.call, May) else set()
    return own.union(*(permissions(one) for one in dependant.dependencies))


# -- settings and commands ------------------------------------------------------------------------------------------


def test_every_setting_stands_in_the_readme_with_its_default_and_nothing_else_does():
    written = {row[0].strip("`"): row[1].strip("`") for row in table_under(README, "## Settings")}
    declared = {}
    for name, field in Settings.model_fields.items():
        default = field.default
        whole = isinstance(default, float) and default.is_integer()
        declared[f"FLASHPOINT_{name.upper()}"] = "none" if default is None else str(int(default) if whole else default)
    assert written == declared


@pytest.mark.parametrize("paper", PAPERS, ids=named)
def test_every_variable_that_is_named_is_read(paper):
    mentioned = set(re.findall(r"FLASHPOINT_[A-Z_]*[A-Z]", paper.read_text(encoding="utf-8")))
    known = {f"FLASHPOINT_{name.upper()}" for name in Settings.model_fields} | {"FLASHPOINT_TEST_DATABASE_URL"}
    assert mentioned <= known
    assert "FLASHPOINT_TEST_DATABASE_URL" in (ROOT / "tests/postgis.py").read_text(encoding="utf-8")


def targets():
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("paper", PAPERS, ids=named)
def test_every_make_target_that_is_named_exists(paper):
    text = paper.read_text(encoding="utf-8")
    mentioned = re.findall(r"(?:`|^ {4}|^)make ([a-z][a-z-]*)", text, re.MULTILINE)
    assert set(mentioned) <= targets()


def test_every_make_target_is_explained_to_contributors():
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert targets() - {"help"} == set(re.findall(r"`make ([a-z-]+)`", contributing))


def command_lines(text):
    """Yield the words of each ``flashpoint ...`` that a paper tells somebody to type."""
    spans = re.findall(r"`((?:\.venv/bin/)?flashpoint [^`]+)`", text)
    lines = [line.strip() for block in code_blocks(text, "sh", "") for line in block.splitlines()]
    for line in [*spans, *lines]:
        plain = re.sub(r"\$\([^)]*\)", "2020-01-01", line).partition(" # ")[0]
        if re.match(r"(?:\.venv/bin/)?flashpoint [a-z]", plain):
            yield shlex.split(plain)[1:]


def option_names(command):
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}


@pytest.mark.parametrize("paper", PAPERS, ids=named)
def test_every_command_that_is_named_exists_with_its_options(paper):
    for words in command_lines(paper.read_text(encoding="utf-8")):
        command, rest = typer.main.get_command(cli.app), list(words)
        while rest and hasattr(command, "commands"):
            command = command.commands[rest.pop(0)]
        used = {word.partition("=")[0] for word in rest if word.startswith("-")}
        assert used <= option_names(command), words


def test_every_command_stands_in_the_operations():
    def paths(command, prefix):
        if not hasattr(command, "commands"):
            return {prefix}
        return {path for name, one in command.commands.items() for path in paths(one, f"{prefix} {name}")}

    written = {
        command for row in table_under(OPERATIONS, "## Commands") for command in re.findall(r"`([^`]+)`", row[0])
    }
    assert written == paths(typer.main.get_command(cli.app), "flashpoint")


# -- the API --------------------------------------------------------------------------------------------------------


def test_routes_and_roles_are_those_of_the_app(app):
    heads = [cell.strip("`") for cell in row_of(API, "route")[1:-1]]
    assert set(heads) == set(Role)
    written = {
        row[0].strip("`"): {role for role, cell in zip(heads, row[1:-1], strict=True) if cell == "yes"}
        for row in table_under(API, "## Routes and roles")
    }
    served = {}
    for method, path, dependant in routes(app):
        for permission in permissions(dependant):
            served[f"{method} {path}"] = {role for role in Role if permission in PERMISSIONS[role]}
    heads_only = {name for name in served if name.startswith("HEAD ")}
    pictures = {f"HEAD /v1/released/{name}" for name in ("incidents", "communities", "zones")}
    layers = {f"HEAD {name.removeprefix('GET ')}" for name in served if name.startswith(("GET /ogc", "GET /tiles"))}
    assert heads_only == {"HEAD /v1/matrix", "HEAD /v1/matrix/{locality}"} | pictures | layers
    assert written == {name: roles for name, roles in served.items() if name not in heads_only}


def test_routes_without_a_key_are_named(app):
    public = {f"`{method} {path}`" for method, path, dependant in routes(app) if not permissions(dependant)}
    assert public
    assert {name for name in public if name not in API} == set()


def test_statuses_and_errors_are_those_of_the_one_table():
    rows = table_under(API, "## Problems")
    assert {status.value for status in STATUS.values()} <= {int(row[0]) for row in rows}
    for row in rows:
        HTTPStatus(int(row[0]))
        for name in re.findall(r"`([A-Z]\w+)`", row[2]):
            error = getattr(errors, name)
            status = next(STATUS[kind] for kind in error.__mro__ if kind in STATUS)
            assert int(row[0]) == status or (error is errors.Invalid and row[0] == "400")
    named_there = {name for row in rows for name in re.findall(r"`([A-Z]\w+)`", row[2])}
    assert named_there == {
        name
        for name, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, errors.FlashpointError) and error is not errors.FlashpointError
    }


def constants(node):
    """Give the texts that an expression may come to."""
    if isinstance(node, ast.Constant):
        return {node.value}
    return constants(node.body) | constants(node.orelse) if isinstance(node, ast.IfExp) else set()


def codes_in(path, makers):
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in makers:
            position = makers[node.func.id]
            if len(node.args) > position:
                found |= constants(node.args[position])
    return {code for code in found if isinstance(code, str)}


def test_every_code_of_a_violation_is_listed():
    raised = set(reports._RULES)  # noqa: SLF001 - the codes of the library that have words of ours
    for path, own in CODE_MODULES.items():
        raised |= codes_in(path, CODE_MAKERS | own)
    assert {"duplicate_key", "axes_swapped", "client_id_used", "unknown_tier", "ring_not_closed"} <= raised
    listed = {code for row in table_under(API, "### Codes") for code in re.findall(r"`(\w+)`", row[1])}
    assert raised - listed == set()


def test_the_workflow_is_that_of_the_table():
    rows = table_under(API, "## The workflow")
    assert {row[0].strip("`") for row in rows} == {str(action) for action in REQUESTABLE}
    for action, sources, target, *_ in rows:
        steps = {(source, state) for name, source, state in TRANSITIONS if name == action.strip("`")}
        assert steps == {(source, target.strip("`")) for source in re.findall(r"`(\w+)`", sources)}


def test_the_catalogue_is_the_catalogue():
    rows = {row[0].strip("`"): row[1:] for row in table_under(API, "## Catalogue")}
    assert rows == {
        code: [
            one.en,
            one.fr,
            one.acled,
            str(one.ucdp or ""),
            one.protection_risk,
            one.grave_violation or "",
            "yes" if one.protected else "",
        ]
        for code, one in CATEGORIES.items()
    }
    for tier, names in TIER_NAMES.items():
        assert row_of(API, f"`{tier}`") == [f"`{tier}`", names["en"], names["fr"]]


# -- the data model -------------------------------------------------------------------------------------------------


def test_every_table_stands_in_the_data_model_and_in_its_picture():
    picture = code_blocks(MODEL, "mermaid")[0]
    for table in tables.metadata.tables.values():
        assert row_of(MODEL, f"`{table.name}`")
        assert re.search(rf"\b{table.name}\b", picture), table.name
    drawn = set(re.findall(r"^ +(\w+) [|}o]{2}--[|{o]{2} (\w+)", picture, re.MULTILINE))
    assert {name for pair in drawn for name in pair} == {table.name for table in tables.metadata.tables.values()}


def columns_written(text):
    """Give the columns that a row of the data model names, and the beginnings that it gives groups by."""
    written = set(re.findall(r"`([\w*]+)`", text))
    if "version columns" in text:
        written |= set(re.findall(r"`(\w+)`", re.search(r"\*Version columns\* are [^.]*", MODEL)[0]))
    groups = {name.rstrip("*") for name in written if name.endswith("*")}
    if "_best" in written:  # a range is written once: `people_low`, `_best`, `_high`
        groups |= {name.removesuffix("low") for name in written if name.endswith("_low")}
    return written, tuple(groups)


def test_every_column_stands_beside_its_table():
    for table in tables.metadata.tables.values():
        written, groups = columns_written(row_of(MODEL, f"`{table.name}`")[-1])
        # The keys that number a row, or tie it to its incident, say nothing of their own.
        rest = {column.name for column in table.c} - written - {"id", "incident_id"}
        assert {name for name in rest if not name.startswith(groups)} == set(), table.name


def test_every_sqlstate_of_the_rules_is_listed_with_its_status():
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "migrations/sql").glob("*.sql"))
    raised = set(re.findall(r"ERRCODE = '(\w+)'", rules))
    rows = {row[0].strip("`"): row[3] for row in table_under(MODEL, "## What the database enforces")}
    assert set(rows) == raised
    for sqlstate, make in engine._RULES.items():  # noqa: SLF001 - the one table of what the triggers raise
        status = next(STATUS[kind] for kind in type(make()).__mro__ if kind in STATUS)
        assert rows[sqlstate] == str(status.value)


def test_every_database_role_is_explained():
    roles = set(re.findall(r"flashpoint_[a-z]+", (ROOT / "migrations/sql/roles.sql").read_text(encoding="utf-8")))
    assert {row[0].strip("`") for row in table_under(MODEL, "## Roles and grants")} == roles


# -- papers among themselves ----------------------------------------------------------------------------------------


def anchors(text):
    """Give the anchors of a page's headings, as they are made for links."""
    plain = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", plain, re.MULTILINE)
    slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    seen = Counter()
    for slug in slugs:
        yield slug if not seen[slug] else f"{slug}-{seen[slug]}"
        seen[slug] += 1


@pytest.mark.parametrize("paper", PAPERS, ids=named)
def test_every_relative_link_resolves(paper):
    for target in re.findall(r"\]\(([^)\s]+)\)", paper.read_text(encoding="utf-8")):
        link = urlsplit(target)
        if link.scheme:
            continue
        place = (paper.parent / unquote(link.path)).resolve() if link.path else paper
        assert place.is_relative_to(ROOT), target
        assert place.exists(), target
        if link.fragment:
            assert link.fragment in set(anchors(place.read_text(encoding="utf-8"))), target


@pytest.mark.parametrize("paper", PAPERS, ids=named)
def test_every_file_that_is_named_exists(paper):
    pattern = r"`((?:flashpoint|api|migrations|tests|docs|bench|sample_data|\.ci)/[\w./-]*)`"
    for name in re.findall(pattern, paper.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("paper", PAPERS, ids=named)
def test_papers_hold_no_address_of_a_machine(paper):
    text = paper.read_text(encoding="utf-8")
    assert re.findall(r"(?<![\w.:/])/(?:home|root|work|Users|mnt|opt|srv)/[\w./-]+", text) == []
    hosts = {urlsplit(address).hostname for address in re.findall(r"https?://[^\s)>\"'`]+", text)}
    assert hosts <= {"127.0.0.1", "keepachangelog.com", "semver.org", "www.opengis.net"}


def test_decisions_are_numbered_without_gaps_and_have_their_four_parts():
    records = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(len(records)))
    for record in records:
        text = record.read_text(encoding="utf-8")
        assert re.match(rf"# {int(record.name[:4])}\. \S", text), record.name
        parts = re.findall(r"^## (.*)$", text, re.MULTILINE)
        assert parts == ["Context", "Decision", "Alternatives considered", "Consequences"], record.name


def test_the_changelog_speaks_of_this_version():
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert version in changelog
    assert f"Version {version}" in README


def test_the_picture_is_well_formed_readable_in_the_dark_and_fetches_nothing():
    picture = (ROOT / "docs/flashpoint.svg").read_text(encoding="utf-8")
    root = ET.fromstring(picture)  # noqa: S314 - our own file
    assert root.find("{http://www.w3.org/2000/svg}title").text
    assert "prefers-color-scheme: dark" in picture
    assert re.findall(r"(?:href|src|url)\s*[=(]\s*[\"']?(?!#)[^\"')\s]+", picture) == []
    width, height = (float(number) for number in root.get("viewBox").split()[2:])
    for element in root.iter("{http://www.w3.org/2000/svg}rect"):
        x, y, w, h = (float(element.get(name)) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height


# -- the tour -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("bash") is None, reason="the tour is for bash")
def test_the_shell_of_the_papers_parses():
    for paper in PAPERS:
        for block in code_blocks(paper.read_text(encoding="utf-8"), "sh"):
            done = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, check=False)
            assert done.returncode == 0, (named(paper), done.stderr)


def test_the_python_of_the_papers_compiles():
    blocks = [block for paper in PAPERS for block in code_blocks(paper.read_text(encoding="utf-8"), "python")]
    assert blocks
    for block in blocks:
        compile(block, "<paper>", "exec")


def test_the_addresses_of_the_tour_are_routes_that_take_what_they_are_given(app):
    """Without a key each is asked for one, so that the route is there; its query is read as the service reads it."""
    client = TestClient(app)
    addresses = re.findall(r"\$BASE(/[^\"\s]*)\"", "".join(code_blocks(README, "sh")))
    assert len(addresses) > 8
    known = {path for _, path, _ in routes(app)}
    for address in addresses:
        path = urlsplit(address).path.replace("$ID", "{incident_id}")
        path = "/v1/matrix/{locality}" if path.startswith("/v1/matrix/") else path
        assert path in known, address
        method = "post" if path.endswith("transitions") or path == "/v1/incidents" else "get"
        answer = getattr(client, method)(address.replace("$ID", "00000000-0000-0000-0000-000000000000"))
        assert answer.status_code == HTTPStatus.UNAUTHORIZED, address
        assert isinstance(answer, httpx.Response)
