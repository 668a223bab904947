"""A session as a Python script that does the same again, through any running bridge."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from AgentBridgeLib.dispatch.journal import Step

_NODE_ID = re.compile(r"vtkMRML\w+")
_HEAD = '''"""What was done in a session of Slicer, to be done again. Written by AgentBridge.

Start Slicer with the same data, start the bridge, and run this with any Python 3.
Needs the standard library only. URL and token are taken from the environment or from the instance file that you give:

    python3 {name} ~/.../AgentBridge/instances/12345.json
"""

import json
import os
import pathlib
import sys
import time
import urllib.request

if len(sys.argv) > 1:
    instance = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    URL, TOKEN = instance["url"], instance["token"]
else:
    URL, TOKEN = os.environ["AGENTBRIDGE_URL"], os.environ["AGENTBRIDGE_TOKEN"]


def request(method, path, body=None):
    """Send one request; an answer with a status of 400 or more raises urllib.error.HTTPError."""
    headers = {{"Authorization": f"Bearer {{TOKEN}}", "Content-Type": "application/json", "Prefer": "wait=60"}}
    data = None if body is None else json.dumps(body).encode()
    call = urllib.request.Request(URL + path, data, headers, method=method)
    with urllib.request.urlopen(call) as answer:
        text = answer.read()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(text) if is_json and text else text


def run(operation, **arguments):
    """Call an operation, wait for its end and give its result."""
    status, value = request("POST", f"/operations/{{operation}}", arguments)
    while status == 202:
        job = request("GET", f"/jobs/{{value['id']}}?wait=20")[1]
        if job["state"] in ("succeeded", "failed", "canceled"):
            status, value = request("GET", f"/jobs/{{job['id']}}/result")
        elif job["state"] == "awaiting_approval":
            print("waiting for approval in Slicer:", operation)
            time.sleep(1)
    return value


'''


def script(steps: Iterable[Step], name: str = "session.py") -> str:
    """Write the script. Steps that only read are left out; ids of nodes that a step made follow that step.

    Parameters
    ----------
    steps
        Oldest first.
    name
        What the file is called, for its own help.
    """
    lines: list[str] = []
    made: dict[str, str] = {}
    for number, step in enumerate((step for step in steps if not step.is_read_only), 1):
        lines.append(_line(step, f"step_{number}", made))
        used = set(_ids(step.arguments))
        made |= {
            node_id: f"step_{number}" + "".join(f"[{part!r}]" for part in place)
            for node_id, place in step.made.items()
            if node_id not in used and node_id not in made
        }
    body = "\n".join(lines) if lines else "# Nothing was changed in this session."
    return _HEAD.format(name=name) + body + "\n"


def _line(step: Step, variable: str, made: Mapping[str, str]) -> str:
    if step.sent_bytes is not None:
        return (
            f"# {step.operation} was sent {step.sent_bytes} bytes, which a session does not keep. Arguments: "
            f"{_expression(step.arguments, made)}\n"
            f'raise SystemExit("{step.operation}: send the bytes here, then remove this line")'
        )
    given = [f"{key}={_expression(value, made)}" for key, value in step.arguments.items()]
    return f"{variable} = run({', '.join([repr(step.operation), *given])})"


def _expression(value: Any, made: Mapping[str, str]) -> str:
    if isinstance(value, str):
        return made.get(value, repr(value))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_expression(entry, made)}" for key, entry in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_expression(entry, made) for entry in value) + "]"
    return repr(value)


def _ids(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        if _NODE_ID.fullmatch(value):
            yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _ids(entry)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from _ids(entry)
