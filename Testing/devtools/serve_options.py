"""The options of `serve`, known before anything is installed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """Describe the options of `serve`."""
    options = argparse.ArgumentParser(
        prog="dev.py serve",
        description="Start the embedded host offscreen, load the MNI152 brain MRI and run the bridge until Ctrl-C.",
    )
    options.add_argument(
        "--port", type=int, default=2016, metavar="N", help="0 picks a free one (default: 2016)"
    )
    options.add_argument(
        "--connection-file", type=Path, metavar="F", help="write URL and token there, mode 0600"
    )
    options.add_argument(
        "--grant",
        action="append",
        default=[],
        type=_grant,
        metavar="CAPABILITY=MODE",
        help="set one capability for this run, such as files.write=allow; repeatable",
    )
    options.add_argument(
        "--allow-folder",
        action="append",
        default=[],
        type=Path,
        metavar="FOLDER",
        help="where clients may read and write, unless the settings say; repeatable (default: the brain's folder)",
    )
    options.add_argument(
        "--home",
        type=Path,
        metavar="FOLDER",
        help="keep settings and instance file there (default: temporary)",
    )
    options.add_argument(
        "--dicom-node",
        action="append",
        default=[],
        type=_node,
        metavar="NAME=URL",
        help="name a DICOMweb server for this run, in place of those of the settings; repeatable",
    )
    options.add_argument("--empty", action="store_true", help="start with an empty scene")
    options.add_argument(
        "--no-views", action="store_true", help="start as Slicer does without its main window"
    )
    return options


def _node(text: str) -> tuple[str, str]:
    name, _, url = text.partition("=")
    if not name or not url.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=URL with an http address")
    return name, url


def _grant(text: str) -> tuple[str, str]:
    library = str(Path(__file__).resolve().parents[2] / "AgentBridge")
    if library not in sys.path:
        sys.path.insert(0, library)
    from AgentBridgeLib.policy.settings import parse_grant

    try:
        return parse_grant(text)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from None
