"""Whatever is typed at ``/ogc``: a mistake or an attack is refused as a problem, and is never an error of ours."""

import logging

import pytest
import service as running_service
import typed
from direct import answers, get

from api.problems import PROBLEM


@pytest.fixture(scope="module")
def operation(service):
    """An operation of which the mission is shown something in every layer."""
    operation = service.operation()
    for at in range(3):
        operation.verified((18.1 + at / 5, 4.5), sharing="mission", share_above="detail")
    community = running_service.subject(operation.code, "community", sharing="mission")
    assert operation.analyst.post("/v1/communities", community).status_code == 201
    operation.assess()
    return operation


def test_nothing_that_is_typed_is_an_error_of_ours(service, operation, caplog):
    caplog.set_level(logging.ERROR)
    asks = list(typed.asks(operation.code))
    given = answers(service, operation.reader.token, asks)
    assert [ask.told()[:200] for ask, answer in zip(asks, given, strict=True) if answer.status not in {200, 400}] == []
    refused = [answer for answer in given if answer.status == 400]
    assert {answer.header("content-type") for answer in refused} == {PROBLEM}
    pointers = {one["pointer"] for answer in refused for one in answer.json()["errors"]}
    assert pointers >= {"?filter", "?after", "?bbox", "?datetime", "?crs", "?limit", "?sortby", "?properties", "?f"}
    assert all(pointer.startswith("?") for pointer in pointers)
    assert "unforeseen" not in caplog.text
    assert len(refused) > 1000
    assert len(given) - len(refused) > 200


def test_a_refusal_does_not_repeat_what_was_typed(service, operation):
    word = "Zqsecretword"
    given = dict.fromkeys(("after", "bbox", "bbox-crs", "datetime", "crs", "limit", "filter-lang", "f"), word)
    given |= dict.fromkeys(("filter", "properties", "sortby"), f"{word} =") | {word: word, "operation": f"{word}%"}
    path = typed.ITEMS.format("incidents")
    asks = [get(path, **{name: value}) for name, value in given.items()]
    asks += [get(f"/ogc/collections/{word}"), get(f"{path}/{word}"), get(f"/ogc/{word}"), get(path, **given)]
    for answer in answers(service, operation.reader.token, asks):
        assert answer.status in {400, 404}
        assert word.lower() not in answer.text().lower()
