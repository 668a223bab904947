"""A session as a Python script that does the same again, through any running bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from AgentBridgeLib.dispatch.journal import ids_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from AgentBridgeLib.dispatch.journal import Place, Step

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
import urllib.error
import urllib.request

if len(sys.argv) > 1:
    instance = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    URL, TOKEN = instance["url"], instance["token"]
else:
    URL, TOKEN = os.environ["AGENTBRIDGE_URL"], os.environ["AGENTBRIDGE_TOKEN"]


def request(method, path, body=None):
    """Send one request; one that fails ends the script with the reason."""
    headers = {{"Authorization": f"Bearer {{TOKEN}}", "Content-Type": "application/json", "Prefer": "wait=60"}}
    data = None if body is None else json.dumps(body).encode()
    call = urllib.request.Request(URL + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(call) as answer:
            text = answer.read()
            is_json = answer.headers.get_content_type() == "application/json"
            return answer.status, json.loads(text) if is_json and text else text
    except urllib.error.HTTPError as fault:
        sys.exit(f"{{method}} {{path}} {{body}}\\n{{fault.code}}: {{fault.read().decode()}}")


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
    """Write the script. Steps that only read are left out; ids that a step made follow that step.

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
        used = {text for _place, text in ids_in(step.arguments)}
        made |= {
            text: f"step_{number}" + "".join(f"[{part!r}]" for part in place)
            for text, place in step.made.items()
            if text not in used and text not in made
        }
    body = "\n".join(lines) if lines else "# Nothing was changed in this session."
    return _HEAD.format(name=name) + body + "\n"


def _line(step: Step, variable: str, made: Mapping[str, str]) -> str:
    if step.sent_bytes is not None:
        return (
            f"# {step.operation} was sent {step.sent_bytes} bytes, which a session does not keep. Arguments: "
            f"{_expression(step.arguments, _places(step, made))}\n"
            f'raise SystemExit("{step.operation}: send the bytes here, then remove this line")'
        )
    places = _places(step, made)
    given = [f"{key}={_expression(value, places, (key,))}" for key, value in step.arguments.items()]
    return f"{variable} = run({', '.join([repr(step.operation), *given])})"


def _places(step: Step, made: Mapping[str, str]) -> dict[Place, str]:
    """Say for each place in the arguments that has the id of something made before, what stands there."""
    return {place: made[text] for place, text in ids_in(step.arguments) if text in made}


def _expression(value: Any, places: Mapping[Place, str], place: Place = ()) -> str:
    if place in places:
        return places[place]
    if isinstance(value, dict):
        entries = (f"{key!r}: {_expression(entry, places, (*place, key))}" for key, entry in value.items())
        return "{" + ", ".join(entries) + "}"
    if isinstance(value, (list, tuple)):
        entries = (_expression(entry, places, (*place, index)) for index, entry in enumerate(value))
        return "[" + ", ".join(entries) + "]"
    return repr(value)
