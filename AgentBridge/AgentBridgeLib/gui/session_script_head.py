"""The part of an exported session that is the same in each: how it reaches a bridge, calls, sends and waits."""

from __future__ import annotations

from string import Template

HEAD = Template(r'''"""What was done in a session of Slicer, to be done again. Written by AgentBridge.

Start Slicer with the same data, start the bridge, and run this with any Python 3.
Needs the standard library only. URL and token are taken from the environment or from the instance file that you give:

    python3 $name ~/.../AgentBridge/instances/12345.json --files scan.nrrd mesh.ply

A session does not keep the bytes that clients sent: they may be a patient's. Behind --files stand the files that hold
them, in any order; SENT says which are wanted.
"""

import argparse
import hashlib
import json
import os
import pathlib
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

SENT = $sent
"""Step to its operation, and the size and the SHA-256 (of the first $hashed bytes) of what it was sent."""

options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
options.add_argument("instance", nargs="?", type=pathlib.Path, help="instance file of the running bridge")
options.add_argument("--files", nargs="+", type=pathlib.Path, default=[], help="files with what clients sent")
given = options.parse_args()
if given.instance:
    instance = json.loads(given.instance.read_text(encoding="utf-8"))
    URL, TOKEN = instance["url"], instance["token"]
else:
    URL, TOKEN = os.environ["AGENTBRIDGE_URL"], os.environ["AGENTBRIDGE_TOKEN"]


def find_files():
    """Find the file of each step that was sent bytes; if one is missing, nothing is begun."""
    known = {}
    for path in given.files:
        with path.open("rb") as file:
            known[path.stat().st_size, hashlib.sha256(file.read($hashed)).hexdigest()] = path
    missing = [
        f"{step} ({operation}): a file of {size} bytes with SHA-256 {digest}"
        for step, (operation, size, digest) in SENT.items()
        if (size, digest) not in known
    ]
    if missing:
        said = "Clients sent these bytes, which are not kept. Give the files that hold them behind --files:"
        sys.exit("\n".join([said, *missing]))
    return {step: known[size, digest] for step, (_, size, digest) in SENT.items()}


def request(method, path, body=None, media_type="application/json"):
    """Send one request; one that fails ends the script with the reason."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": media_type, "Prefer": "wait=60"}
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    call = urllib.request.Request(URL + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(call) as answer:
            text = answer.read()
            is_json = answer.headers.get_content_type() == "application/json"
            return answer.status, json.loads(text) if is_json and text else text
    except urllib.error.HTTPError as fault:
        shown = f"{len(body)} bytes" if isinstance(body, bytes) else body
        sys.exit(f"{method} {path} {shown}\n{fault.code}: {fault.read().decode()}")


def wait(operation, status, value):
    """Wait for the end of a call and give its result."""
    while status == 202:
        job = request("GET", f"/jobs/{value['id']}?wait=20")[1]
        if job["state"] in ("succeeded", "failed", "canceled"):
            status, value = request("GET", f"/jobs/{job['id']}/result")
        elif job["state"] == "awaiting_approval":
            print("waiting for approval in Slicer:", operation)
            time.sleep(1)
    return value


def run(operation, **arguments):
    """Call an operation and give its result."""
    return wait(operation, *request("POST", f"/operations/{operation}", arguments))


def send(step, method, path, **arguments):
    """Call an operation with the bytes of a file and give its result."""
    texts = {name: as_text(value) for name, value in arguments.items()}
    for name in [name for name in texts if "{" + name + "}" in path]:
        path = path.replace("{" + name + "}", urllib.parse.quote(texts.pop(name), safe=""))
    query = urllib.parse.urlencode(texts, quote_via=urllib.parse.quote)
    body = FILES[step].read_bytes()
    return wait(step, *request(method, f"{path}?{query}", body, "application/octet-stream"))


def as_text(value):
    """Write an argument as it stands in an address."""
    if isinstance(value, (list, tuple)):
        return ",".join(as_text(entry) for entry in value)
    return value if isinstance(value, str) else json.dumps(value)


def checkpoint_before(operation):
    """Find the checkpoint that was made by itself before the step that was just done."""
    kept = request("GET", "/checkpoints")[1]["items"]
    found = [one["id"] for one in kept if one["is_automatic"] and one["label"] == f"before {operation}"]
    return found[-1] if found else sys.exit(f"There is no checkpoint before {operation}: the scene is too large.")


FILES = find_files()

''')
