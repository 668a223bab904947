"""Schemas are made between other things, one operation at a time."""

from __future__ import annotations

import pytest

from AgentBridgeLib.dispatch.preparing import PAUSE_S, Preparation
from AgentBridgeLib.dispatch.turn import Turn
from AgentBridgeLib.operations.index import make_catalog
from doubles.memory_host import ManualLoop


@pytest.fixture
def loop():
    return ManualLoop()


def prepared(operations):
    """Which of them have their schemas already; does not make them."""
    return [operation.name for operation in operations if "schemas" in vars(operation)]


def test_each_turn_prepares_one_operation_until_all_are_ready(loop):
    """house: the application is never away for more than a step."""
    operations = list(make_catalog())[:3]
    Preparation(loop, Turn(loop)).begin(operations)
    assert prepared(operations) == []
    for count in (1, 2, 3, 3):
        loop.advance(PAUSE_S)
        assert prepared(operations) == [operation.name for operation in operations[:count]]


def test_nothing_is_prepared_after_the_end(loop):
    """house: no callback outlives its bridge."""
    operations = list(make_catalog())[:3]
    preparation = Preparation(loop, Turn(loop))
    preparation.begin(operations)
    loop.advance(PAUSE_S)
    preparation.stop()
    loop.advance(1.0)
    assert prepared(operations) == [operations[0].name]


def test_nothing_is_prepared_while_clients_call(loop):
    """house: a client never waits for what nobody asked for."""
    operations = list(make_catalog())[:3]
    turn = Turn(loop)
    Preparation(loop, turn).begin(operations)
    for _ in range(5):
        turn.when_free(lambda: None, pytest.fail, 1.0)
        loop.advance(PAUSE_S)
    with turn.hold("a step with an event loop of its own"):
        loop.advance(PAUSE_S)
        loop.advance(PAUSE_S)
    assert prepared(operations) == []
    for _ in range(4):
        loop.advance(PAUSE_S)
    assert len(prepared(operations)) == 3
