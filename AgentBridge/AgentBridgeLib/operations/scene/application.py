"""Describe the application and its modules, and read its log."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from vtkmodules.vtkCommonCore import vtkVersion

from AgentBridgeLib.model.base import Arguments, PageArguments
from AgentBridgeLib.model.scene import (
    ApplicationDescription,
    LogLevel,
    LogLine,
    LogPage,
    ModuleDescription,
    ModuleList,
)
from AgentBridgeLib.model.version import VERSION
from AgentBridgeLib.operations.common.listing import page_of
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext

MOST_TEXT_CHARACTERS = 2000
_RANK = {"info": 0, "warning": 1, "error": 2}


class NoArguments(Arguments):
    """Nothing to say."""


class ModulesArguments(PageArguments):
    """Filters of the list of modules; a module must pass all of them."""

    kind: Literal["loadable", "scripted", "command_line"] | None = Field(
        default=None, description="Only modules of this kind."
    )
    search: str | None = Field(
        default=None, max_length=200, description="Part of name, title or category, whatever the case."
    )


class LogArguments(Arguments):
    """Which messages."""

    level: LogLevel = Field(default="info", description="The least serious level to include.")
    since: int = Field(default=0, ge=0, description="Only messages with a higher number than this.")
    limit: int = Field(default=100, ge=1, le=1000, description="How many at the most; the latest are kept.")


@operation(
    name="application.get",
    capability="scene.read",
    route="GET /application",
    read_only=True,
    revision_scope="none",
    keywords="about version platform build extensions",
)
def get_application(context: OperationContext, arguments: NoArguments) -> ApplicationDescription:  # noqa: ARG001
    """Describe the running Slicer: version, platform, loaded modules, and the bridge's own version.

    Notes
    -----
    Source: `qSlicerCoreApplication`.
    """
    application, views = context.host.application, context.host.views
    modules = sorted(application.module_names(), key=str.casefold)
    return ApplicationDescription(
        name=application.name,
        version=application.version,
        revision=application.revision,
        operating_system=application.operating_system,
        architecture=application.architecture,
        has_main_window=application.has_main_window,
        has_views=views.is_available,
        python_version=platform.python_version(),
        vtk_version=vtkVersion.GetVTKVersion(),
        bridge_version=VERSION,
        module_count=len(modules),
        modules=tuple(modules),
    )


@operation(
    name="modules.list",
    capability="scene.read",
    route="GET /modules",
    read_only=True,
    revision_scope="none",
    keywords="installed modules extensions plugins available",
)
def list_modules(context: OperationContext, arguments: ModulesArguments) -> ModuleList:
    """List the loaded modules of Slicer and its extensions: titles, kinds, categories.

    Notes
    -----
    Source: `qSlicerAbstractCoreModule`.
    """
    wanted = (arguments.search or "").casefold()
    modules = [
        ModuleDescription.model_validate(module, from_attributes=True)
        for module in context.host.application.modules()
        if arguments.kind in {None, module.kind}
        and any(wanted in text.casefold() for text in (module.name, module.title, *module.categories))
    ]
    question = f"modules {arguments.kind} {wanted}"
    return page_of(ModuleList, modules, arguments, lambda module: module.name, question)


@operation(
    name="application.log",
    capability="scene.read",
    route="GET /log",
    read_only=True,
    revision_scope="none",
    keywords="error messages console warnings debug what went wrong",
)
def read_log(context: OperationContext, arguments: LogArguments) -> LogPage:
    """Read recent messages, warnings and errors of Slicer and VTK, oldest first.

    Returns
    -------
    LogPage
        The bridge keeps the last 1,000 messages. If more match than `limit`, the latest are given and
        `dropped_count` says how many older ones are not.

    Notes
    -----
    Source: `ctkErrorLogModel`, `vtkOutputWindow`.
    """
    least = _RANK[arguments.level]
    entries = context.host.application.log_entries()
    matching = [
        entry for entry in entries if entry.number > arguments.since and _RANK.get(entry.level, 0) >= least
    ]
    kept = matching[-arguments.limit :]
    return LogPage(
        items=tuple(
            LogLine(
                number=entry.number,
                time=entry.time,
                level=_level(entry.level),
                origin=entry.origin,
                text=entry.text[:MOST_TEXT_CHARACTERS],
            )
            for entry in kept
        ),
        last_number=max((entry.number for entry in entries), default=arguments.since),
        dropped_count=len(matching) - len(kept),
    )


def _level(text: str) -> LogLevel:
    return "error" if text == "error" else "warning" if text == "warning" else "info"
