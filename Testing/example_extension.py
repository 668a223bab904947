"""Lines for a running host that load the example extension and take its operations away again."""

from __future__ import annotations

from pathlib import Path

MODULE = Path(__file__).resolve().parent / "ExampleExtension" / "ExampleAgentOperations.py"
LOAD = f"""
import EmbeddedSlicer, slicer
EmbeddedSlicer.load_scripted_module({str(MODULE)!r})
import ExampleAgentOperations
ExampleAgentOperations.ExampleAgentOperationsLogic().register()
"""
UNLOAD = """
import ExampleAgentOperations
ExampleAgentOperations.ExampleAgentOperationsLogic().unregister()
"""
