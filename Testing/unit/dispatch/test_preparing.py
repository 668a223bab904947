"""Schemas are made between other things, one operation at a time."""

from __future__ import annotations

import pytest

from AgentBridgeLib.dispatch.preparing import PAUSE_S, Preparation
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
    Preparation(loop).begin(operations)
    assert prepared(operations) == []
    for count in (1, 2, 3, 3):
        loop.advance(PAUSE_S)
        assert prepared(operations) == [operation.name for operation in operations[:count]]


def test_nothing_is_prepared_after_the_end(loop):
    """house: no callback outlives its bridge."""
    operations = list(make_catalog())[:3]
    preparation = Preparation(loop)
    preparation.begin(operations)
    loop.advance(PAUSE_S)
    preparation.stop()
    loop.advance(1.0)
    assert prepared(operations) == [operations[0].name]
