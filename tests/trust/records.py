"""Something there to write to: for each route that takes a body, a path that leads somewhere and a body it takes."""

import copy
import json
import re
from itertools import count

from bad_body import at
from service import NOBODY, subject

from flashpoint.types import Role

KINDS = {"localities": "locality", "communities": "community", "assessments": "assessment", "presences": "presence"}
#: What ends a record's being of use here.
_ENDS = ("/transitions", "/withdrawal", "/adoption", "/suspension")
_GIVEN_ANEW = {"client_id", "pcode", "version"}


def writing_routes(described):
    """Yield method, path and description of every route that takes a body."""
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if "requestBody" in operation:
                yield method.upper(), path, operation


def example_of(operation):
    """Give the documented body, and its content type."""
    ((kind, content), *_) = operation["requestBody"]["content"].items()
    return content["example"], kind


class Records:
    """The records of one operation, made as they are used up. ``made`` counts them."""

    def __init__(self, operation):
        self.operation = operation
        self.made = 0
        self._described = operation.service.app.openapi()
        self._numbers = count(1)
        self._ids = {}
        # Whoever proposes is not whoever puts in force.
        self._proposer = operation.caller(Role.COORDINATOR, name="-proposer")
        self.caller = operation.coordinator

    def path(self, template):
        """Put ids of what is there into a path."""
        return re.sub(r"\{\w+\}", lambda _: self._id(template), template)

    def used_up(self, template):
        """Take a record out of use that has come to another state."""
        if template.endswith(_ENDS):
            self._ids.pop(_kept_as(template), None)

    def body(self, example):
        """Fit a documented body to this operation: its code, a place in it, names that were not used before."""
        tree = copy.deepcopy(example)
        number = next(self._numbers)
        for path in list(_members(tree)):
            parent, name = at(tree, path[:-1]), path[-1]
            if name == "operation":
                parent[name] = self.operation.code
            elif name == "locality":
                parent[name] = "X1101"
            elif name == "silence_days":
                parent[name] = 8 + number % 1000 / 100  # a proposal has to change something
            elif name in _GIVEN_ANEW and isinstance(parent[name], str):
                parent[name] = f"{self.operation.code}-{number}"
        return tree

    def _id(self, template):
        kept_as = _kept_as(template)
        if kept_as not in self._ids:
            self._ids[kept_as] = self._make(*kept_as)
            self.made += 1
        return self._ids[kept_as]

    def _make(self, collection, action):
        if collection == "incidents":
            return self.operation.reported()
        if collection in KINDS:
            kind = KINDS[collection]
            changes = {"pcode": f"P{next(self._numbers)}"} if kind == "locality" else {}
            return self._sent(self.caller, f"/v1/{collection}", subject(self.operation.code, kind, **changes))["id"]
        described = self._described["paths"].get(f"/v1/{collection}", {}).get("post")
        return NOBODY if described is None else self._version(collection, action, described)

    def _version(self, collection, action, described):
        path = f"/v1/{collection}"
        version = self._sent(self._proposer, path, self.body(example_of(described)[0]))["version"]
        if action == "suspension":
            self._sent(self.caller, f"{path}/{version}/adoption", self._reason())
        return version

    def _reason(self):
        return {"operation": self.operation.code, "reason": "for tests"}

    def _sent(self, caller, path, body):
        answer = caller.post(path, body)
        assert answer.is_success, answer.text
        return json.loads(answer.text)


def _kept_as(template):
    """Say what a path is of; what is done to a version asks for one in a certain state."""
    _, _, collection, *rest = template.split("/")
    return collection, rest[-1] if rest and "{version}" in template else ""


def _members(tree, path=()):
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, value in inner:
        yield (*path, name)
        yield from _members(value, (*path, name))
