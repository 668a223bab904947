"""Run the console script of a Python package in a process of its own: ``console_program.py LOG SCRIPT ARGUMENTS…``.

Everything it says goes to LOG. The exit code is that of the script.
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run one script as if it had been called by its name."""
    log, script, *given = arguments
    sys.stdout.flush()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.argv = [script, *given]
    sys.path[0] = str(Path(script).parent)
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the last thing this process does is to say what happened
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
