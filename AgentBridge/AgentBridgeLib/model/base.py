"""Base classes of what goes over the wire."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")


FIELD_NAMES: set[str] = set()
"""Names of the members of all values that travel. They are words of the product, whoever has the same name."""


class Wired(BaseModel):
    """A frozen value that travels as JSON; unknown members are refused, NaN and infinity too."""

    model_config = ConfigDict(
        frozen=True, defer_build=True, extra="forbid", allow_inf_nan=False, protected_namespaces=()
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:  # noqa: ANN401
        for name, field in cls.model_fields.items():
            FIELD_NAMES.update((name, field.alias or name))


def example(**arguments: Any) -> ConfigDict:  # noqa: ANN401 - JSON values
    """Make a model's `model_config` with an example, where its schema alone does not tell what must be given."""
    return ConfigDict(json_schema_extra={"examples": [arguments]})


class Arguments(Wired):
    """Arguments of an operation. Every field has a description; numbers carry their unit in the name."""

    def also_requires(self) -> tuple[str, ...]:
        """Name the capabilities that these very arguments need beyond the operation's own."""
        return ()

    def named_paths(self) -> tuple[str, ...]:
        """Name the files that these very arguments are about beyond those that their types mark; for the person."""
        return ()

    def named_nodes(self) -> tuple[str, ...]:
        """Name the nodes that these very arguments are about beyond those that their types mark."""
        return ()

    def takes_steps(self) -> bool:
        """Tell whether an operation that is declared inline works in steps on these very arguments.

        The function returns a generator then, and the call becomes a job.
        """
        return False


class Result(Wired):
    """Result of an operation that says nothing about the scene."""


class SceneResult(Result):
    """Result that holds for one revision of the scene."""

    scene_revision: int = Field(
        default=0,
        description="Revision of the scene this answer holds for; it moves with every change.",
    )


class PageArguments(Arguments):
    """Arguments of a list."""

    limit: int = Field(default=100, ge=1, le=1000, description="How many items at the most.")
    cursor: str | None = Field(
        default=None,
        max_length=200,
        description="`next_cursor` of the page before; without it the first page.",
    )


class Listing(Result, Generic[Item]):
    """One page of a list that is not about the scene."""

    items: list[Item]
    next_cursor: str | None = Field(
        default=None, description="Ask with it for the next page; null on the last."
    )
    total: int = Field(description="How many there are in all.")


class Page(Listing[Item], SceneResult, Generic[Item]):
    """One page of a list that holds for one revision of the scene."""
