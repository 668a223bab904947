import numpy as np
import pytest
import slicer

from AgentBridgeLib.errors import ArgumentInvalidError, NodeTypeError
from AgentBridgeLib.operations.markups import drawing, markups


def create(context, **arguments):
    return drawing.create_markups(context, drawing.CreateArguments(**arguments))


def get(context, node_id, frame="ras"):
    return markups.get_markups(context, markups.MarkupsArguments(markups_id=node_id, frame=frame))


def test_line_is_drawn_and_measured_in_millimeters(context, scene):
    """issue:#2."""
    made = create(context, points_ras=((0, 0, 0), (30, 40, 0)), name="Width", color=(1.0, 0.0, 0.0))
    assert made.length_mm == pytest.approx(50)
    assert [(part.name, part.value, part.unit) for part in made.measurements] == [
        ("length", pytest.approx(50), "mm")
    ]
    assert made.color == (1, 0, 0)
    assert made.name == "Width"
    assert scene.GetNodeByID(made.id).GetAttribute("AgentBridge.client") == "pytest"


def test_points_are_in_the_world_and_in_the_frame_asked_for(context, scene):
    """issue:#2."""
    made = create(context, points_ras=((1, 2, 3), (4, 5, 6)))
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    shift = np.diag([2.0, 2, 2, 1])
    shift[:3, 3] = (10, 0, 0)
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(shift))
    scene.GetNodeByID(made.id).SetAndObserveTransformNodeID(transform.GetID())
    ras, lps = get(context, made.id), get(context, made.id, "lps").model_dump(mode="json")
    assert ras.control_points[0].position_ras == (12, 4, 6)
    assert lps["control_points"][0]["position_lps"] == [-12, -4, 6]
    assert "position_ras" not in lps["control_points"][0]
    assert ras.length_mm == pytest.approx(2 * np.sqrt(27))


def test_area_is_said_in_the_unit_its_value_has(context, scene):
    """slicer: GetValue is in mm², GetUnits says cm2."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsClosedCurveNode")
    node.SetCurveTypeToLinear()
    for point in ((0, 0, 0), (20, 0, 0), (20, 10, 0), (0, 10, 0)):
        node.AddControlPointWorld(*point)
    for index in range(node.GetNumberOfMeasurements()):
        node.GetNthMeasurement(index).SetEnabled(True)
    found = {part.name: (part.value, part.unit) for part in get(context, node.GetID()).measurements}
    assert found["area"] == (pytest.approx(200, rel=0.01), "mm2")
    assert found["length"] == (pytest.approx(60), "mm")


def test_line_has_two_points(context, scene):
    """house."""
    before = scene.GetNumberOfNodes()
    for points in (((0, 0, 0),), ((0, 0, 0), (1, 1, 1), (2, 2, 2))):
        with pytest.raises(ArgumentInvalidError, match="points_ras"):
            create(context, points_ras=points)
    assert scene.GetNumberOfNodes() == before


def test_unplaced_point_has_no_position(context, scene):
    """slicer: a preview point follows the mouse."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode")
    node.AddControlPointWorld(1, 2, 3)
    node.UnsetNthControlPointPosition(0)
    assert get(context, node.GetID()).control_points[0].position_ras is None
    assert get(context, node.GetID()).length_mm is None


def test_list_names_types(context, scene):
    """house."""
    create(context, points_ras=((0, 0, 0), (1, 0, 0)))
    scene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    found = markups.list_markups(context, markups.PageArguments())
    assert [item.type for item in found.items] == ["line", "roi"]


def test_wrong_node_is_refused_and_reading_changes_nothing(context, a_volume, scene):
    """issue:#2."""
    with pytest.raises(NodeTypeError):
        get(context, a_volume.GetID())
    made = create(context, points_ras=((0, 0, 0), (1, 0, 0)))
    get(context, made.id)
    revision = context.host.scene.revision
    get(context, made.id)
    assert context.host.scene.revision == revision
