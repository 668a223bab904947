"""One request on a route of the service, and what describes such a route."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import Field

from AgentBridgeLib.errors import ArgumentInvalidError, BridgeError, FieldProblem
from AgentBridgeLib.model.base import Arguments, Result
from AgentBridgeLib.model.paging import page_bounds
from AgentBridgeLib.routing import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from AgentBridgeLib.dispatch.context import Caller
    from AgentBridgeLib.model.exchange import Exchange
    from AgentBridgeLib.routing.services import Services

Row = TypeVar("Row")
Entry = TypeVar("Entry")


@dataclass(slots=True)
class Visit:
    """One request on a service route."""

    exchange: Exchange
    caller: Caller
    parameters: Mapping[str, str]
    query: dict[str, str]
    body: dict[str, Any] = field(default_factory=dict)

    def give(self, result: Result, *, status: int = 200, headers: answers.Headers | None = None) -> None:
        """Answer with a result."""
        self.exchange.respond(answers.from_model(result, status=status, headers=headers))

    def expect_query(self, *names: str) -> None:
        """Refuse query arguments that the route does not know.

        Raises
        ------
        ArgumentInvalidError
            There is one.
        """
        unknown = [name for name in self.query if name not in names]
        if unknown:
            known = ", ".join(names) or "none"
            raise ArgumentInvalidError(
                f"The query argument '{unknown[0]}' is unknown here; there are: {known}.",
                errors=[FieldProblem(f"/{name}", "is unknown", f"one of: {known}") for name in unknown],
            )

    def page(
        self, rows: Sequence[Entry], key: Callable[[Entry], str], question: str
    ) -> tuple[Sequence[Entry], str | None]:
        """Give the rows that the query asks for, and the cursor of the next page; see `page_bounds`."""
        bounds = page_bounds(
            len(rows),
            lambda at: key(rows[at]),
            limit=self.page_limit(),
            cursor=self.query.get("cursor"),
            question=question,
        )
        return rows[bounds.start : bounds.stop], bounds.next_cursor

    def page_limit(self) -> int:
        """Read `limit`: how many items a page has, 1 to 1000, 100 unless told.

        Raises
        ------
        ArgumentInvalidError
            It is no such number.
        """
        text = self.query.get("limit", "100")
        limit = whole_number(text)
        if limit is None or not 1 <= limit <= 1000:
            raise invalid("limit", text, "a whole number from 1 to 1000")
        return limit


@dataclass(frozen=True, slots=True)
class ServiceRoute:
    """A route of the service itself; documents itself like an operation does."""

    method: str
    path: str
    summary: str
    handle: Callable[[Services, Visit], None]
    needs_token: bool = True
    body: type[Arguments] | None = None
    result: type[Result] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    status: int = 200


class Rows(Result, Generic[Row]):
    """One page of a list of the service."""

    items: list[Row]
    next_cursor: str | None = Field(
        default=None, description="Ask with it for the next page; null on the last."
    )
    total: int = Field(description="How many there are in all.")


PAGE_QUERY: Mapping[str, str] = {
    "limit": "How many at the most, 1 to 1000.",
    "cursor": "next_cursor of the page before.",
}


def whole_number(text: str) -> int | None:
    """Read digits; None when it is anything else, or longer than any number that is meant."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def invalid(name: str, value: str, expected: str) -> BridgeError:
    """Make the error for a query argument without a usable value."""
    return ArgumentInvalidError(
        f"{name} is '{value}'; it must be {expected}.",
        errors=[FieldProblem(f"/{name}", "has no usable value", expected)],
    )
