"""``docs/operations.md`` and ``docs/operations/``, written from the catalogue; needs the wheels of the host."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if __name__ == "__main__":
    sys.path[:0] = [
        str(Path(__file__).resolve().parents[1]),
        str(Path(__file__).resolve().parents[2] / "AgentBridge"),
    ]

from devtools.schema_words import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from AgentBridgeLib.registry.operation import Operation

CHECKOUT = Path(__file__).resolve().parents[2]
INDEX = Path("docs") / "operations.md"
FOLDER = Path("docs") / "operations"
HEAD = """# Operations

Every operation can be called by its route, or by its name with `POST /agent/v1/operations/{name}` and its arguments
as the body. `GET /agent/v1/operations/{name}` describes it with the JSON Schemas of arguments and result and an
example.

Written by `python3 Testing/dev.py lists` from the declarations in `AgentBridge/AgentBridgeLib/operations/`. *Job*
means that the operation works in steps or in a process of its own, and is answered with a job unless the client waits.
"""
FAMILY_HEAD = """# Operations: {family}

[All operations](../operations.md). `$URL` and `$TOKEN` are as in the [README](../../README.md#a-first-session); node
ids in the examples are such as a scene gives. Written by `python3 Testing/dev.py lists`.
"""
_SECTION = re.compile(r"^([A-Z][A-Za-z ]+)\n-+\n", re.MULTILINE)
_BRACES = re.compile(r"\{([a-z_0-9]+)\}")


def pages() -> dict[Path, str]:
    """Every page by its path below the checkout."""
    from AgentBridgeLib.operations.index import make_catalog

    families: dict[str, list[Operation]] = {}
    for operation in make_catalog():
        families.setdefault(operation.name.partition(".")[0], []).append(operation)
    made = {INDEX: _index(families)}
    for family, operations in families.items():
        parts = [FAMILY_HEAD.format(family=family), *(_article(operation) for operation in operations)]
        made[FOLDER / f"{family}.md"] = "\n".join(parts)
    return made


def _index(families: Mapping[str, list[Operation]]) -> str:
    parts = [HEAD]
    for family, operations in families.items():
        parts += [
            f"## [{family}](operations/{family}.md)\n",
            "| operation | route | capability | | does |",
            "|---|---|---|---|---|",
            *(_row(family, operation) for operation in operations),
            "",
        ]
    return "\n".join(parts)


def _row(family: str, operation: Operation) -> str:
    link = f"[`{operation.name}`](operations/{family}.md#{_anchor(operation.name)})"
    return (
        f"| {link} | {_route(operation)} | `{operation.mark.capability}` | {', '.join(_hints(operation))} "
        f"| {operation.summary} |"
    )


def _anchor(name: str) -> str:
    return name.replace(".", "")


def _route(operation: Operation) -> str:
    route = operation.mark.route
    return f"`{route.method} {route.path}`" if route else "by name"


def _hints(operation: Operation) -> list[str]:
    mark = operation.mark
    return [*(["job"] if mark.execution != "inline" else []), *(["destructive"] if mark.destructive else [])]


def _article(operation: Operation) -> str:
    text, sections = _documentation(operation.description)
    facts = [_route(operation), f"`{operation.mark.capability}`", *_hints(operation)]
    lines = [f"## {operation.name}\n", " · ".join(facts) + "\n", text, ""]
    lines += _table("argument", rows_of(operation.schemas["arguments"], is_input=True))
    lines += _cases(operation.schemas["arguments"].get("x-cases"))
    lines += ["```sh", _curl(operation), "```\n"]
    if operation.result is None:
        lines.append("Answers with bytes, or with JSON that has a standard of its own.\n")
    else:
        lines += _table("result", rows_of(operation.schemas["result"], is_input=False))
    return "\n".join([*lines, *sections])


def _documentation(docstring: str) -> tuple[str, list[str]]:
    """Split a numpydoc text into its introduction and its sections."""
    introduction, *rest = _SECTION.split(docstring)
    return introduction.strip(), [
        _section(title, words) for title, words in zip(rest[::2], rest[1::2], strict=True)
    ]


def _section(title: str, words: str) -> str:
    """Give a list of the section's entries (a name, and indented lines about it), or its text."""
    if not re.search(r"^ ", words, re.MULTILINE):
        return f"**{title}**: {' '.join(words.split())}\n"
    entries = re.findall(r"^(\S.*)\n((?: .*\n?)*)", words.strip() + "\n", re.MULTILINE)
    listed = [f"- {_names(names)}: {' '.join(text.split())}" for names, text in entries]
    return "\n".join([f"**{title}**\n", *listed, ""])


def _names(names: str) -> str:
    """Give the names at the head of an entry; an error by its code on the wire."""
    from AgentBridgeLib import errors

    codes = {name: entry.code for name, entry in vars(errors).items() if hasattr(entry, "code")}
    return ", ".join(
        f"[`{codes[name]}`](../errors.md#{codes[name]})" if codes.get(name) else f"`{name}`"
        for name in names.split(", ")
    )


def _table(title: str, members: Iterable[tuple[str, str, str]]) -> list[str]:
    rows = [f"| `{name}` | {_cell(kind)} | {_cell(meaning)} |" for name, kind, meaning in members]
    return [f"| {title} | type | |", "|---|---|---|", *rows, ""] if rows else []


def _cases(choice: Mapping[str, Any] | None) -> list[str]:
    """Give the arguments that each value of a choice takes."""
    if choice is None:
        return []
    rows = [
        f"| `{value}` | {_listed(case['needs'])} | {_listed(case['may_have'])} |"
        for value, case in choice["cases"].items()
    ]
    return [f"| {choice['argument']} | needs | may have |", "|---|---|---|", *rows, ""]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _curl(operation: Operation) -> str:
    """Write the call of the example as a line for a shell."""
    from AgentBridgeLib.registry.examples import example_arguments

    mark, arguments = operation.mark, example_arguments(operation.schemas["arguments"])
    method, path = (
        (mark.route.method, mark.route.path) if mark.route else ("POST", f"/operations/{operation.name}")
    )
    for name in _BRACES.findall(path):
        path = path.replace(f"{{{name}}}", quote(str(arguments.pop(name)), safe=""))
    words = [
        "curl",
        *([] if method in {"GET", "POST"} else ["-X", method]),
        '-H "Authorization: Bearer $TOKEN"',
    ]
    words += list(_content(operation, method, arguments))
    is_query = (method in {"GET", "DELETE"} or mark.binary_body) and arguments
    query = "?" + urlencode({name: _in_query(value) for name, value in arguments.items()}) if is_query else ""
    return " ".join([*words, f'"$URL{path}{query}"' if query else f"$URL{path}"])


def _content(operation: Operation, method: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    if operation.mark.binary_body:
        yield '-H "Content-Type: application/octet-stream" --data-binary @FILE'
    elif method not in {"GET", "DELETE"}:
        text = json.dumps(arguments, ensure_ascii=False).replace("'", "'\\''")
        yield f"-H \"Content-Type: application/json\" -d '{text}'"


def _in_query(value: object) -> str:
    return ",".join(str(entry) for entry in value) if isinstance(value, list) else str(value)


def write() -> None:
    """Bring the pages up to date; those of families that are gone are removed."""
    made = pages()
    for path in (CHECKOUT / FOLDER).glob("*.md"):
        if path.relative_to(CHECKOUT) not in made:
            path.unlink()
    (CHECKOUT / FOLDER).mkdir(exist_ok=True)
    for path, text in made.items():
        (CHECKOUT / path).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write()
