"""The API's description of itself: how to authenticate, and that every error is a problem."""

from typing import Any

from fastapi import FastAPI

from api import answers
from api.problems import PROBLEM

_PROBLEM_SCHEMA = {
    "type": "object",
    "description": "RFC 9457. It names fields and rules, and never repeats what was sent.",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "rule"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer, or ?name of a query parameter"},
                    "code": {"type": "string"},
                    "rule": {"type": "string"},
                },
            },
        },
        "allowed": {"type": "array", "items": {"type": "string"}, "description": "steps that the state allows"},
    },
}
#: The only routes that ask nobody who they are.
_OPEN_TAGS = ["health"]
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a token of the sign-in provider."},
    "basic": {"type": "http", "scheme": "basic", "description": "Any user name; the API key as password."},
}


def install(app: FastAPI) -> None:
    """Complete the description that the framework makes."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(made())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _completed(schema: dict[str, Any]) -> dict[str, Any]:
    components = schema.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    components.setdefault("schemas", {})["Problem"] = _PROBLEM_SCHEMA
    answers.describe(schema)
    problem = {"content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for path in schema["paths"].values():
        for operation in path.values():
            operation["summary"] = _first_sentence(operation)
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = {"description": "What went wrong, as a problem.", **problem}
            for content in operation.get("requestBody", {}).get("content", {}).values():
                _with_geometry(content["example"])
            for parameter in operation.get("parameters", []):
                # Left out, it is a 428 and not a 400, so the framework takes it for optional.
                parameter["required"] = parameter.get("required", False) or parameter["name"] == "if-match"
            if operation["tags"] != _OPEN_TAGS:
                operation["security"] = [{"bearer": []}, {"basic": []}]
    return schema


def _first_sentence(operation: dict[str, Any]) -> str:
    """Give what the list of routes says of one: the first sentence of its description, not the function's name."""
    sentence = " ".join(operation["description"].split()).partition(". ")[0]
    return sentence.removesuffix(".")


def _with_geometry(example: dict[str, Any]) -> None:
    """Put back the null geometry of a Feature, which the framework drops and RFC 7946 requires."""
    if example.get("type") == "Feature":
        example.setdefault("geometry", None)
