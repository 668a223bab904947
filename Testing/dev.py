"""The one entry point for developers: ``python3 Testing/dev.py COMMAND``.

Needs nothing but CPython 3.11 to 3.13. Everything else is installed, pinned, into ``.dev/`` of the checkout.
This file stays readable to older interpreters, so that they can be refused in words.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
TESTING = CHECKOUT / "Testing"

COMMANDS = {
    "serve": "start the embedded host with a brain MRI and the bridge; see `serve --help`",
    "test": "run the tests; takes pytest's arguments, --no-skips and --slicer PATH",
    "pythonqt": "run tests on real PythonQt and CTK, built here [5.10|5.12]; takes pytest's arguments",
    "pacs": "run Orthanc, a DICOM server, for this computer only [--port N]",
    "series": "write the real lung CT as a DICOM series, with a report FOLDER",
    "demo": "tour the bridge over HTTP, as a client sees it [--out DIR]",
    "bench": "measure speed and size; JSON and a table",
    "check": "run formatter, linter, type checker and the import contracts [--fix]",
    "lists": "rewrite what follows from the tree: file lists, tables and diagrams of the documentation",
}
SCRIPTS = {
    "serve": "serve_host.py",
    "pacs": "orthanc.py",
    "series": "lung_series.py",
    "demo": "demo.py",
    "bench": "bench.py",
}


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="dev.py",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Commands:\n" + "\n".join(f"  {name:8} {what}" for name, what in COMMANDS.items()),
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    command = parser.parse_args(arguments[:1]).command
    rest = arguments[1:]
    from devtools import data, environment, lists, machine, sdk_example, serve_options

    try:
        if command == "serve":
            serve_options.parser().parse_args(rest)
        machine.refuse_unsupported()
        if command == "lists":
            lists.rewrite(CHECKOUT)
            python = environment.ready(CHECKOUT, with_tools=False)
            return subprocess.run(
                [str(python), str(TESTING / "devtools" / "operation_page.py")], check=False
            ).returncode
        if command != "check":
            machine.refuse_without_libraries(TESTING)
        # The benchmark compares with the official client and server of the Model Context Protocol.
        with_tools = command not in SCRIPTS or command == "bench"
        python = environment.ready(CHECKOUT, with_tools=with_tools)
        if command in {"check", "pythonqt"}:
            return _run_tool(command, python, rest)
        if command in {"test", "series"}:
            data.ensure_scans(CHECKOUT, python)
        if command not in {"series", "pacs"}:
            data.ensure_brain(CHECKOUT, python)
        if command == "bench":
            sdk_example.ensure_example(CHECKOUT, python)
        if command == "test":
            return become([str(python), "-m", "pytest", *rest])
        return become([str(python), str(TESTING / SCRIPTS[command]), *rest])
    except machine.SetupError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 1


def _run_tool(command: str, python: Path, rest: list[str]) -> int:
    from devtools import check, pythonqt

    if command == "check":
        return check.run(CHECKOUT, python, fix="--fix" in rest)
    return pythonqt.run(CHECKOUT, python, rest)


def become(command: list[str]) -> int:
    """Go on as `command`, in the checkout; signals reach it directly where the system can replace a process."""
    os.chdir(CHECKOUT)
    sys.stdout.flush()
    if os.name == "posix":
        os.execv(command[0], command)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    if not (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.implementation.name != "cpython":
        sys.exit(
            f"dev.py: this is Python {sys.version_info[0]}.{sys.version_info[1]} ({sys.implementation.name}), "
            "and the wheels that the embedded host needs exist for CPython 3.11, 3.12 and 3.13. "
            "Start it with one of those, such as `python3.12 Testing/dev.py`."
        )
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
