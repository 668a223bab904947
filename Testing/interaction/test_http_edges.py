"""What stands at the edge of JSON and HTTP is answered like everything else: once, and with what to do."""

from __future__ import annotations

import pytest

JSON = {"Content-Type": "application/json"}
MANY_DIGITS = "1" * 5000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/jobs", rb'{"operation": "\ud800"}'),
        ("/jobs", rb'{"operation": "scene.summary", "\uDFFF": 1}'),
        ("/operations/scene.summary", rb'{"a": {"b": ["\udc80x"]}}'),
        ("/markups", rb'{"type": "line", "name": "\ud800\u0041"}'),
    ],
)
def test_half_of_a_surrogate_pair_is_malformed_wherever_it_stands(a_bridge, path, body):
    """architecture: a request is answered exactly once; RFC 8259, 8.2"""
    answer = a_bridge.request("POST", path, body=body, headers=JSON)
    assert (answer.status, answer.code) == (400, "request.malformed")
    assert "surrogate" in answer.json()["detail"]


def test_whole_surrogate_pair_is_a_character(a_bridge):
    """RFC 8259, 7"""
    body = rb'{"type": "line", "points_ras": [[0, 0, 0], [1, 0, 0]], "name": "\ud83e\udde0"}'
    made = a_bridge.request("POST", "/markups", body=body, headers=JSON).expect(201)
    assert made.json()["name"] == "\N{BRAIN}"


def test_member_that_stands_twice_among_many_is_named_at_once(a_bridge):
    """architecture: nothing freezes Slicer; looking for it must not take the square of the members"""
    members = ",".join(f'"k{number}":1' for number in range(200_000))
    body = f'{{{members},"twice":1,"twice":2}}'.encode()
    answer = a_bridge.request("POST", "/markups", body=body, headers=JSON)
    assert (answer.status, answer.code) == (400, "request.malformed")
    assert "'twice' stands twice" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        f"/jobs?limit={MANY_DIGITS}",
        f"/audit?limit={MANY_DIGITS}",
        f"/audit?cursor={MANY_DIGITS}",
        f"/events?last_event_id={MANY_DIGITS}",
        "/events?last_event_id=%C2%B2",
    ],
)
def test_number_that_is_none_is_the_clients_mistake(a_bridge, path):
    """house: Python reads no number of more than 4300 digits, nor a superscript two"""
    answer = a_bridge.get(path)
    assert (answer.status, answer.code) == (422, "argument.invalid")
    assert answer.json()["errors"]


@pytest.mark.parametrize("number", ["\u00b2", MANY_DIGITS])
def test_entity_tag_with_a_number_that_is_none_does_not_match(a_bridge, number):
    """http: If-Match, 412"""
    instance = a_bridge.get("/scene").headers["etag"].strip('"').partition("-")[0]
    body = {"type": "line", "points_ras": [[0, 0, 0], [1, 0, 0]]}
    answer = a_bridge.post("/markups", body, headers={"If-Match": f'"{instance}-s-{number}-0"'})
    assert (answer.status, answer.code) == (412, "scene.revision_conflict")
