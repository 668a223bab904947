"""What the bridge says about modules and command line modules."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from AgentBridgeLib.model.base import Listing, Result, SceneResult


class CliModuleList(Listing[str]):
    """Names of the command line modules of this Slicer, sorted."""


class CliModuleDescription(Result):
    """A command line module, as it describes itself."""

    name: str
    title: str
    category: str
    description: str
    version: str
    parameters_schema: dict[str, Any] = Field(
        description="JSON Schema of `parameters` of cli_modules.run, made from the module's XML."
    )


class CliModuleResult(SceneResult):
    """What a command line module did."""

    name: str
    output_node_ids: dict[str, str] = Field(description="Output parameter to node.")
    output_text: str = Field(description="What the module printed; at most 20,000 characters, the last.")
    error_text: str = Field(description="What it printed as errors; at most 20,000 characters, the last.")
