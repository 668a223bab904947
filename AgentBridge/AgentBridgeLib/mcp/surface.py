"""What an endpoint serves: tools, resources, prompts. The product has one surface, the conformance host another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from AgentBridgeLib.mcp.vocabulary import Json
from AgentBridgeLib.mcp.work import Request, Work

Run = Callable[[Request, Json], "Json | Work"]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool.

    Attributes
    ----------
    description
        Its entry in `tools/list`, name included.
    run
        Called with the request and the arguments; gives the result of the call, or the work that makes it.
    task
        Whether a client that declares tasks gets one: never, when it can, or only as a task.
    """

    description: Json
    run: Run
    task: Literal["never", "optional", "required"] = "never"

    @property
    def name(self) -> str:
        """As clients call it."""
        return str(self.description["name"])


class Surface(Protocol):
    """What is served. Lists keep their order; they may change only when `version` does."""

    @property
    def server_info(self) -> Json:
        """Name, title and version of the server."""

    @property
    def instructions(self) -> str:
        """What an agent should know first."""

    @property
    def has_test_methods(self) -> bool:
        """Whether log levels and resource subscriptions are served, which the product does not offer."""

    def tools(self) -> Sequence[Json]:
        """Entries of `tools/list`."""

    def tool(self, name: str) -> Tool | None:
        """Find a tool; also one that is not listed."""

    def resources(self) -> Sequence[Json]:
        """Entries of `resources/list`."""

    def templates(self) -> Sequence[Json]:
        """Entries of `resources/templates/list`."""

    def read(self, request: Request, uri: str) -> Json | Work | None:
        """Give ``{"contents": [...]}``, or the work that makes it; None when there is no such resource."""

    def prompts(self) -> Sequence[Json]:
        """Entries of `prompts/list`."""

    def prompt(self, request: Request, name: str, arguments: Json) -> Json | None:
        """Give description and messages; None when there is no such prompt."""

    def complete(self, reference: Json, argument: str, value: str) -> Sequence[str]:
        """Give values that an argument could have, best first."""
