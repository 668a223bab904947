"""The surface of the product: tools of the catalogue, jobs, resources, prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.errors import OperationUnknownError
from AgentBridgeLib.mcp import guide, profile
from AgentBridgeLib.mcp.messages import RpcError
from AgentBridgeLib.mcp.operation_tools import make_tool
from AgentBridgeLib.mcp.resources import RESOURCES, TEMPLATES, ProductResources
from AgentBridgeLib.mcp.runner import OperationRunner
from AgentBridgeLib.mcp.service_tools import ServiceTools
from AgentBridgeLib.mcp.vocabulary import INVALID_PARAMS, Json
from AgentBridgeLib.model.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.mcp.parts import ProductParts
    from AgentBridgeLib.mcp.surface import Tool
    from AgentBridgeLib.mcp.work import Request, Work


class ProductSurface:
    """Implements `mcp.surface.Surface` over the catalogue."""

    has_test_methods = False
    instructions = guide.INSTRUCTIONS
    server_info: Json = {"name": "slicer-agentbridge", "title": "3D Slicer (AgentBridge)", "version": VERSION}  # noqa: RUF012 - constant

    def __init__(self, parts: ProductParts) -> None:
        self._parts = parts
        self._runner = OperationRunner(parts)
        self._resources = ProductResources(parts, self._runner)
        self._service_tools = ServiceTools(parts, self._runner)
        self._made: dict[str, Tool] = {}
        self._made_for = -1
        self._last_listed: list[Json] = []

    def has_changed(self) -> bool:
        """Whether the list of tools is another than the last one given; false while nobody has asked for it."""
        before = self._last_listed
        self.tools()
        return bool(before) and before != self._last_listed

    def tools(self) -> Sequence[Json]:
        """Entries of `tools/list`: everyday operations, chosen toolsets, jobs, the way to all the rest."""
        parts = self._parts
        chosen = profile.listed(parts.catalog, parts.safety.current(), parts.preferences().toolsets)
        made = self._operation_tools()
        listed = [made[profile.tool_name(operation.name)].description for operation in chosen]
        self._last_listed = [*listed, *self._service_tools.entries()]
        return self._last_listed

    def tool(self, name: str) -> Tool | None:
        """Find a tool. Every operation can be called by its tool name or its own, listed or not."""
        return self._operation_tools().get(profile.tool_name(name)) or self._service_tools.tools.get(name)

    def resources(self) -> Sequence[Json]:
        """Entries of `resources/list`."""
        return RESOURCES

    def templates(self) -> Sequence[Json]:
        """Entries of `resources/templates/list`."""
        return TEMPLATES

    def read(self, request: Request, uri: str) -> Json | Work | None:
        """Read a resource."""
        try:
            return self._resources.read(request, uri)
        except OperationUnknownError:
            return None

    def prompts(self) -> Sequence[Json]:
        """Entries of `prompts/list`."""
        return guide.prompt_entries()

    def prompt(self, request: Request, name: str, arguments: Json) -> Json | None:  # noqa: ARG002 - as declared
        """Fill a prompt in; None when there is no such prompt.

        Raises
        ------
        RpcError
            An argument is missing.
        """
        prompt = guide.PROMPTS.get(name)
        if prompt is None:
            return None
        missing = [argument for argument, _ in prompt.arguments if argument not in arguments]
        if missing:
            raise RpcError(INVALID_PARAMS, f"The prompt '{name}' needs: {', '.join(missing)}.")
        return guide.prompt_messages(prompt, arguments)

    def complete(self, reference: Json, argument: str, value: str) -> Sequence[str]:
        """Give values that an argument could have."""
        return self._resources.complete(reference, argument, value)

    def _operation_tools(self) -> dict[str, Tool]:
        catalog = self._parts.catalog
        if self._made_for != catalog.version:
            made = [make_tool(operation, self._runner) for operation in catalog]
            self._made = {tool.name: tool for tool in made}
            self._made_for = catalog.version
        return self._made
