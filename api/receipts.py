"""Receipts of what was written, and documents that an audience reads: how the routes of several resources answer."""

from typing import Any

from fastapi import Response

from flashpoint.errors import Invalid, NotFound, Violation
from flashpoint.features import dumps
from flashpoint.matrix import CLASSIFICATION
from flashpoint.store import places
from flashpoint.store.engine import Vault
from flashpoint.store.idempotency import Answer
from flashpoint.types import Actor

_JSON = "application/json"


def answered(answer: Answer, *, repeat: bool = False) -> Response:
    """Answer what was answered the first time, and say so where it is not the first."""
    headers = {**answer.headers, **({"Idempotency-Replayed": "true"} if repeat else {})}
    return Response(answer.body, answer.status, headers)


def shown(actor: Actor, operation: str, content: dict[str, Any]) -> Response:
    """Answer a document of an operation under the head that every output has."""
    head = {"operation": operation, "audience": actor.audience, "classification": CLASSIFICATION[actor.audience]}
    return Response(dumps({**head, **content}), media_type=_JSON)


def operation_of_body(vault: Vault, actor: Actor, code: str) -> str:
    """Give the operation that a body names; what is not the actor's is a broken rule of the body."""
    try:
        return str(places.find_operation(vault, actor, code).code)
    except NotFound:
        rule = "must be an operation of your key"
        raise Invalid(Violation("/operation", "no_such_operation", rule)) from None
