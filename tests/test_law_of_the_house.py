"""What holds for the code as a whole: where things may be done, how long a file may be, what has to be documented."""

import ast
import inspect
import re
from http import HTTPStatus
from pathlib import Path

import pytest

from api import problems
from flashpoint import errors
from flashpoint.errors import FlashpointError, Invalid, TransitionRefused, Violation
from flashpoint.settings import Settings
from flashpoint.types import Role

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("flashpoint", "api", "migrations", "sample_data", "bench")
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LONGEST = 400


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def generated(path):
    return path.is_relative_to(ROOT / "migrations" / "versions")


def attributes(source):
    """Give every name that a source uses after a dot or imports, with what stands before the dot where it is a name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            yield (node.value.id if isinstance(node.value, ast.Name) else "", node.attr)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def commits(source):
    return any(name in {"commit", "rollback"} for _, name in attributes(source))


def reads_the_environment(source):
    return any(
        name in {"environ", "environb", "getenv", "getenvb"} or (owner, name) == ("dotenv", "load_dotenv")
        for owner, name in attributes(source)
    )


def test_there_is_something_to_look_at():
    assert len(SOURCES) > 60
    assert len(PAGES) > 5


@pytest.mark.parametrize(
    "source", ["session.commit()", "vault.connection.commit()", "with x: y.commit()", "connection.rollback()"]
)
def test_a_stray_commit_would_be_noticed(source):
    assert commits(source)
    assert not commits("with engine.begin() as connection: connection.execute('COMMIT')")


@pytest.mark.parametrize(
    "source",
    ["import os\nos.environ['X']", "import os\nos.getenv('X')", "from os import environ", "from os import getenv"],
)
def test_a_look_at_the_environment_would_be_noticed(source):
    assert reads_the_environment(source)
    assert not reads_the_environment("environment = settings.environment")


def test_nobody_commits_but_the_engine_and_the_migrations():
    allowed = {"flashpoint/store/engine.py", "migrations/env.py"}
    found = {name_of(path) for path in SOURCES if not path.is_relative_to(ROOT / "bench") and commits(path.read_text())}
    assert found <= allowed


def test_only_the_settings_read_the_environment():
    # pydantic-settings does the reading, so not even that module names it.
    assert [name_of(path) for path in SOURCES if reads_the_environment(path.read_text())] == []


def test_no_module_is_named_for_nothing():
    empty = {
        "utils",
        "util",
        "helpers",
        "helper",
        "services",
        "service",
        "crud",
        "common",
        "misc",
        "base",
        "core",
        "manager",
    }
    assert [name_of(path) for path in SOURCES if path.stem.strip("_") in empty] == []
    assert [name_of(path) for path in SOURCES if path.parent.name in empty] == []


def test_no_file_is_longer_than_may_be():
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in SOURCES if not generated(path)}
    assert not {name for name, lines in lengths.items() if lines > LONGEST}


def test_no_settings_are_made_at_import():
    for path in SOURCES:
        for node in ast.parse(path.read_text()).body:
            made = [
                call
                for call in ast.walk(node)
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Settings"
            ]
            defers = isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
            assert defers or not made, name_of(path)


def family(root):
    yield root
    for child in root.__subclasses__():
        yield from family(child)


ERRORS = [kind for kind in family(FlashpointError) if kind.__module__ == errors.__name__]


def drawn():
    """Read the tree in the docstring: error to the error that it hangs from."""
    parents, path = {}, []
    for line in errors.__doc__.splitlines():
        found = re.match(r"( {4}(?:[│ ] {3})*)(?:[├└]── )?([A-Z]\w+)", line)
        if found is None:
            continue
        depth = (line.index(found[2]) - 4) // 4
        path[depth:] = [found[2]]
        parents[found[2]] = path[depth - 1] if depth else None
    return parents


def test_the_tree_of_errors_is_drawn_as_it_is():
    assert len(ERRORS) >= 10
    assert drawn() == {
        kind.__name__: None if kind is FlashpointError else kind.__bases__[0].__name__ for kind in ERRORS
    }


def test_every_error_lives_in_the_tree():
    elsewhere = [
        (name_of(path), node.name)
        for path in SOURCES
        if name_of(path) != "flashpoint/errors.py"
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and any("FlashpointError" in ast.unparse(base) for base in node.bases)
    ]
    assert elsewhere == []


def example(kind):
    made = {
        Invalid: lambda: Invalid(Violation("/a", "code", "rule")),
        TransitionRefused: lambda: TransitionRefused("rule", ["withdraw"]),
    }
    return made.get(kind, lambda: kind("what is the matter"))()


@pytest.mark.parametrize("kind", [kind for kind in ERRORS if kind is not FlashpointError])
def test_every_error_has_a_status_and_leaves_as_a_problem(kind):
    status = problems.status_of(example(kind))
    assert isinstance(status, HTTPStatus)
    assert 400 <= status < 600
    answer = problems.problem_of(example(kind))
    assert (answer.status_code, answer.media_type) == (status, problems.PROBLEM)


def test_no_status_is_kept_for_an_error_that_is_not():
    assert set(problems.STATUS) <= set(ERRORS)
    assert len({problems.status_of(example(kind)) for kind in problems.STATUS}) == len(problems.STATUS)


def test_a_broken_query_is_a_bad_request_and_a_broken_body_is_not():
    assert problems.status_of(Invalid(Violation("?limit", "code", "rule"))) is HTTPStatus.BAD_REQUEST
    assert problems.status_of(Invalid(Violation("/limit", "code", "rule"))) is HTTPStatus.UNPROCESSABLE_ENTITY


def documentation():
    return "\n".join(page.read_text() for page in PAGES)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name):
    assert re.search(rf"\bFLASHPOINT_{name.upper()}\b", documentation()), f"FLASHPOINT_{name.upper()}"


def test_no_setting_is_documented_that_is_not():
    named = set(re.findall(r"\bFLASHPOINT_([A-Z_]+)\b", documentation()))
    assert {name.lower() for name in named} <= {*Settings.model_fields, "test_database_url"}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_is_for(name):
    assert Settings.model_fields[name].description


@pytest.mark.parametrize("role", Role)
def test_every_role_is_documented(role):
    assert re.search(rf"\b{role}\b", documentation(), re.IGNORECASE)


def test_every_error_says_when_it_is_raised():
    assert all(inspect.getdoc(kind) for kind in ERRORS)
