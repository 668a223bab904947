"""The error tree, its table and its own picture agree."""

from __future__ import annotations

import re
from http import HTTPStatus

import pytest

from AgentBridgeLib import errors

LEAVES = sorted(errors.leaves(), key=lambda kind: kind.code)
BRANCHES = [
    errors.BridgeError,
    errors.CallerError,
    errors.PolicyError,
    errors.CapacityError,
    errors.HostError,
]


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_every_leaf_has_a_row_on_the_wire(kind):
    """house: one table gives HTTP status, JSON-RPC code and whether to retry."""
    wire = errors.WIRE[kind.code]
    assert HTTPStatus(wire.status) >= HTTPStatus.BAD_REQUEST
    assert kind.title
    assert kind("something").wire is wire


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_every_leaf_stands_in_the_picture_of_the_tree(kind):
    """house: the docstring of errors.py is the tree."""
    assert re.search(rf"── {kind.__name__}\s+{re.escape(kind.code)}\s", errors.__doc__)


def test_every_row_on_the_wire_has_exactly_one_leaf():
    """house: a code that nothing raises is a promise that nothing keeps."""
    assert sorted(kind.code for kind in LEAVES) == sorted(errors.WIRE)


def test_own_jsonrpc_codes_are_unique():
    """mcp: a client tells errors apart by their number."""
    own = [wire.jsonrpc for wire in errors.WIRE.values() if wire.jsonrpc > -32000]
    assert len(own) == len(set(own))


@pytest.mark.parametrize("kind", BRANCHES, ids=lambda kind: kind.__name__)
def test_a_branch_cannot_be_raised(kind):
    """house: abstract classes refuse to be raised."""
    with pytest.raises(TypeError, match="abstract"):
        kind("something")
