"""What the arguments of a command line module ask for."""

from __future__ import annotations

import pytest

from AgentBridgeLib.dispatch.arguments import paths, target_nodes
from AgentBridgeLib.operations.cli.modules import RunArguments


@pytest.mark.parametrize("path", ["/data/out.txt", "C:\\data\\out.txt", "\\\\server\\share\\out.txt"])
def test_path_needs_the_capabilities_of_files_and_is_shown_to_the_person(path):
    """issue:#3: a module's file parameters follow the safety settings."""
    arguments = RunArguments(name="CountVoxels", parameters={"report": path, "bins": [1], "rounding": "down"})
    assert arguments.also_requires() == ("files.read", "files.write")
    assert paths(arguments) == [path]


def test_paths_in_a_list_count_too():
    """issue:#4."""
    arguments = RunArguments(name="M", parameters={"names": ["/data/a.txt", "b"]})
    assert paths(arguments) == ["/data/a.txt"]


def test_nodes_are_known_to_the_guard_and_shown_to_the_person():
    """issue:#4: a module combines data of patients as well as any operation."""
    nodes = {"fixed": "vtkMRMLScalarVolumeNode1", "moving": "vtkMRMLScalarVolumeNode2", "outputVolume": "new"}
    arguments = RunArguments(name="BRAINSFit", parameters=nodes)
    assert target_nodes(arguments) == ["vtkMRMLScalarVolumeNode1", "vtkMRMLScalarVolumeNode2"]


def test_other_values_need_nothing_more():
    """house."""
    arguments = RunArguments(name="M", parameters={"inputVolume": "vtkMRMLScalarVolumeNode1", "mode": "down"})
    assert arguments.also_requires() == ()
    assert paths(arguments) == []
