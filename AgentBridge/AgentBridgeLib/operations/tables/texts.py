"""Make, read and change texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from AgentBridgeLib.model.base import Arguments, Page, PageArguments
from AgentBridgeLib.model.fields import NodeName, TextId
from AgentBridgeLib.model.tables import TextDescription, TextSummary
from AgentBridgeLib.operations.common.listing import page_of_class
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext

TEXT = "vtkMRMLTextNode"
MOST_CHARACTERS = 1_000_000
MOST_STORED = 10_000_000
_Text = Annotated[str, Field(max_length=MOST_CHARACTERS, pattern=r"^[^\x00]*$")]


class ReadArguments(Arguments):
    """Which part of which text."""

    text_id: TextId = Field(description="The text.")
    start_character: int = Field(default=0, ge=0, description="Zero-based index of the first character.")
    limit: int = Field(
        default=100_000, ge=1, le=MOST_CHARACTERS, description="How many characters at the most."
    )


class CreateArguments(Arguments):
    """What to store."""

    text: _Text = Field(description="The text, Unicode.")
    name: NodeName | None = Field(default=None, description="Name of the node; made unique.")


class UpdateArguments(Arguments):
    """What to change. What is not given stays as it is."""

    text_id: TextId = Field(description="The text.")
    text: _Text | None = Field(default=None, description="The new text.")
    append: bool = Field(default=False, description="Whether `text` goes to the end of what is there.")
    name: NodeName | None = Field(default=None, description="New name.")


@operation(name="texts.list", capability="scene.read", route="GET /texts", read_only=True)
def list_texts(context: OperationContext, arguments: PageArguments) -> Page[TextSummary]:
    """List the texts of the scene, page by page.

    Raises
    ------
    ArgumentInvalidError
        The cursor is none of this list.
    """
    return page_of_class(
        context,
        arguments,
        TEXT,
        Page[TextSummary],
        lambda node: TextSummary(
            id=node.GetID(), name=node.GetName() or "", length_characters=len(node.GetText() or "")
        ),
    )


@operation(
    name="texts.get",
    capability="scene.read",
    route="GET /texts/{text_id}",
    read_only=True,
    revision_scope="node",
)
def get_text(context: OperationContext, arguments: ReadArguments) -> TextDescription:
    """Read a text, or a part of it.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        There is no such text.

    Notes
    -----
    Source: `vtkMRMLTextNode`.
    """
    node = context.host.scene.node(arguments.text_id, TEXT)
    return _describe(node, arguments.start_character, arguments.limit)


@operation(
    name="texts.create",
    capability="scene.edit",
    route="POST /texts",
    status=201,
    keywords="note notes comment memo remark",
)
def create_text(context: OperationContext, arguments: CreateArguments) -> TextDescription:
    """Store a text in the scene.

    Returns
    -------
    TextDescription
        The new node.

    Notes
    -----
    Source: `vtkMRMLTextNode`.
    """
    scene = context.host.scene.scene
    node = scene.AddNewNodeByClass(TEXT, scene.GenerateUniqueName(arguments.name or "Text"))
    node.SetText(arguments.text)
    context.mark_made([node])
    return _describe(node, 0, MOST_CHARACTERS)


@operation(
    name="texts.update", capability="scene.edit", route="PATCH /texts/{text_id}", revision_scope="node"
)
def update_text(context: OperationContext, arguments: UpdateArguments) -> TextDescription:
    """Replace a text, append to it, or rename it.

    Returns
    -------
    TextDescription
        The text as it is now.

    Raises
    ------
    ArgumentInvalidError
        It would become longer than ten million characters; nothing was changed.
    NodeNotFoundError, NodeTypeError
        There is no such text.

    Notes
    -----
    Source: `vtkMRMLTextNode`.
    """
    node = context.host.scene.node(arguments.text_id, TEXT)
    if arguments.text is not None:
        text = (node.GetText() or "") + arguments.text if arguments.append else arguments.text
        if len(text) > MOST_STORED:
            raise invalid("text", f"it would have {len(text)} characters; at most {MOST_STORED} are kept")
        node.SetText(text)
    if arguments.name is not None:
        node.SetName(arguments.name)
    context.mark_made([node])
    return _describe(node, 0, MOST_CHARACTERS)


def _describe(node: Any, start: int, limit: int) -> TextDescription:
    text = node.GetText() or ""
    part = text[start : start + limit]
    return TextDescription(
        id=node.GetID(),
        name=node.GetName() or "",
        text=part,
        start_character=min(start, len(text)),
        length_characters=len(text),
        is_complete=len(part) == len(text),
    )
