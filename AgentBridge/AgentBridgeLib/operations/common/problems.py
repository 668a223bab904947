"""Say what is wrong with one argument."""

from __future__ import annotations

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem


def invalid(name: str, problem: str) -> ArgumentInvalidError:
    """Make the error for an argument; `name` may be a path such as ``threshold/minimum``."""
    return ArgumentInvalidError(
        f"`{name.replace('/', '.')}` cannot be used: {problem}.", errors=[FieldProblem(f"/{name}", problem)]
    )
