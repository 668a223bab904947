import json

import numpy as np
import pytest
import slicer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from AgentBridgeLib.errors import ArgumentInvalidError, DataInvalidError
from AgentBridgeLib.model.fields import Bytes
from AgentBridgeLib.operations.markups import drawing, markups
from AgentBridgeLib.operations.markups import files as markups_files
from AgentBridgeLib.operations.markups import points as markups_points
from AgentBridgeLib.operations.markups import schema as markups_schema

SQUARE = ((0, 0, 0), (20, 0, 0), (20, 10, 0), (0, 10, 0))
POSITIONS = some.tuples(*[some.floats(-500, 500, allow_nan=False, width=32)] * 3)


def create(context, **arguments):
    return drawing.create_markups(context, drawing.CreateArguments(**arguments))


def update(context, node_id, **arguments):
    return markups.update_markups(context, markups.UpdateArguments(markups_id=node_id, **arguments))


def get(context, node_id, frame="ras"):
    return markups.get_markups(context, markups.MarkupsArguments(markups_id=node_id, frame=frame))


def read_json(context, node_id, coordinates="local"):
    arguments = markups_files.DataArguments(markups_id=node_id, coordinates=coordinates)
    content = markups_files.read_data(context, arguments)
    return b"".join(bytes(part) for part in content.parts)


def import_json(context, data):
    made = markups_files.import_markups(context, markups_files.ImportArguments(content=Bytes(data)))
    return [get(context, item.id) for item in made.markups]


@pytest.fixture
def turned(scene, oblique):
    """A transform that turns, scales unequally and moves."""
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "turned")
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(oblique))
    return node


@pytest.fixture
def rigid(scene, oblique):
    """A transform that turns and moves."""
    matrix = oblique.copy()
    matrix[:3, :3] /= np.linalg.norm(matrix[:3, :3], axis=0)
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "rigid")
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    return node


@pytest.mark.parametrize(
    ("kind", "points", "field", "value"),
    [
        ("fiducial", SQUARE, "control_point_count", 4),
        ("line", ((0, 0, 0), (3, 4, 0)), "length_mm", 5),
        ("angle", ((10, 0, 0), (0, 0, 0), (0, 10, 0)), "angle_deg", 90),
        ("closedcurve", SQUARE, "length_mm", 60),
        ("closedcurve", SQUARE, "area_mm2", 200),
    ],
)
def test_type_is_made_of_points_and_measured(context, kind, points, field, value):
    """issue:#3."""
    extra = {"curve_type": "linear"} if "curve" in kind else {}
    made = create(context, type=kind, points_ras=points, **extra)
    assert made.type == kind
    assert getattr(made, field) == pytest.approx(value, rel=0.01)


def test_curve_type_changes_the_length(context):
    """slicer: a spline through the points is longer than the polygon."""
    corner = ((0, 0, 0), (10, 0, 0), (10, 10, 0))
    made = create(context, type="curve", points_ras=corner, curve_type="linear")
    assert (made.length_mm, made.curve_type) == (pytest.approx(20), "linear")
    changed = update(context, made.id, curve_type="cardinal_spline")
    assert changed.length_mm > 20.1
    assert changed.curve_type == "cardinal_spline"


def test_roi_has_center_axes_size_and_volume(context, oblique):
    """issue:#3."""
    axes = tuple(map(tuple, (oblique[:3, :3] / np.linalg.norm(oblique[:3, :3], axis=0)).T))
    made = create(context, type="roi", center_ras=(1, -2, 3), size_mm=(10, 20, 30), axes_ras=axes)
    assert made.volume_mm3 == pytest.approx(6000)
    assert made.volume_ml == pytest.approx(6)
    assert made.box.center_ras == pytest.approx((1, -2, 3))
    assert made.box.size_mm == pytest.approx((10, 20, 30))
    assert np.allclose([made.box.x_axis_ras, made.box.y_axis_ras, made.box.z_axis_ras], axes)
    lps = get(context, made.id, "lps").model_dump(mode="json")["box"]
    assert lps["center_lps"] == pytest.approx([-1, 2, 3])
    assert "center_ras" not in lps


def test_plane_of_center_and_normal_or_of_three_points(context):
    """issue:#3."""
    made = create(context, type="plane", center_ras=(5, 6, 7), normal_ras=(0, 2, 0), size_mm=(40, 50))
    assert made.box.z_axis_ras == pytest.approx((0, 1, 0))
    assert made.box.center_ras == pytest.approx((5, 6, 7))
    assert made.area_mm2 == pytest.approx(2000)
    three = create(context, type="plane", points_ras=((0, 0, 0), (10, 0, 0), (0, 10, 0)))
    assert np.abs(three.box.z_axis_ras) == pytest.approx((0, 0, 1))


def test_box_under_a_transform_stays_where_it_was_asked_for_in_the_world(context, rigid):
    """slicer: center and axes of the node are in its own coordinates."""
    for kind, size in (("roi", (10, 20, 30)), ("plane", (10, 20))):
        made = create(
            context, type=kind, center_ras=(1, 2, 3), size_mm=size, parent_transform_id=rigid.GetID()
        )
        assert made.parent_transform_id == rigid.GetID()
        assert made.box.center_ras == pytest.approx((1, 2, 3))
        assert made.box.size_mm == pytest.approx(size)
        assert made.box.x_axis_ras == pytest.approx((1, 0, 0))
        moved = update(context, made.id, center_ras=(-7, 8, 9), size_mm=tuple(2 * part for part in size))
        assert moved.parent_transform_id == rigid.GetID()
        assert moved.box.center_ras == pytest.approx((-7, 8, 9))
        assert moved.box.size_mm == pytest.approx([2 * part for part in size])
        assert moved.box.x_axis_ras == pytest.approx((1, 0, 0))


def test_points_are_told_in_the_world_and_in_the_markups_own_coordinates(context, turned, oblique):
    """issue:#3."""
    made = create(context, type="fiducial", points_ras=SQUARE, parent_transform_id=turned.GetID())
    for point, wanted in zip(made.control_points, SQUARE, strict=True):
        assert point.position_ras == pytest.approx(wanted)
        local = np.linalg.solve(oblique, [*wanted, 1])[:3]
        assert point.position_local_ras == pytest.approx(local)


def test_bad_shapes_are_refused_and_make_nothing(context, scene):
    """house."""
    before = scene.GetNumberOfNodes()
    for arguments, named in (
        ({"type": "angle", "points_ras": SQUARE}, "points_ras"),
        ({"type": "roi", "points_ras": SQUARE}, "center_ras"),
        ({"type": "roi", "center_ras": (0, 0, 0)}, "center_ras"),
        ({"type": "roi", "center_ras": (0, 0, 0), "size_mm": (1, 2)}, "size_mm"),
        ({"type": "line", "center_ras": (0, 0, 0)}, "center_ras"),
        ({"type": "plane", "center_ras": (0, 0, 0), "normal_ras": (0, 0, 0)}, "normal_ras"),
        (
            {
                "type": "roi",
                "center_ras": (0, 0, 0),
                "size_mm": (1, 1, 1),
                "axes_ras": ((1, 0, 0), (0, 1, 0), (0, 0, -1)),
            },
            "axes_ras",
        ),
        ({"type": "fiducial", "points_ras": SQUARE, "labels": ("a",)}, "labels"),
        ({"type": "line", "points_ras": SQUARE[:2], "curve_type": "linear"}, "curve_type"),
        ({"type": "line", "points_ras": SQUARE[:2], "color": (2, 0, 0)}, "color"),
    ):
        with pytest.raises(ArgumentInvalidError, match=named):
            create(context, **arguments)
    assert scene.GetNumberOfNodes() == before


def test_update_locks_hides_renames_and_measures(context, scene):
    """issue:#3: value and unit agree, though Slicer shows cm3."""
    made = create(context, type="roi", center_ras=(0, 0, 0), size_mm=(10, 20, 30))
    assert made.available_measurements == ("volume",)
    changed = update(
        context,
        made.id,
        name="Tumor",
        is_locked=True,
        is_visible=False,
        opacity=0.5,
        color=(0, 1, 0),
        enabled_measurements=("volume",),
    )
    assert (changed.name, changed.is_locked, changed.is_visible, changed.opacity) == (
        *("Tumor", True, False),
        0.5,
    )
    assert changed.color == (0, 1, 0)
    assert [(part.name, part.value, part.unit) for part in changed.measurements] == [
        ("volume", pytest.approx(6000), "mm3")
    ]
    with pytest.raises(ArgumentInvalidError, match="enabled_measurements"):
        update(context, made.id, name="Other", enabled_measurements=("length",))
    assert scene.GetNodeByID(made.id).GetName() == "Tumor"


def test_control_points_are_added_moved_and_removed_by_id(context, turned):
    """issue:#3."""
    made = create(
        context, type="fiducial", points_ras=SQUARE[:2], labels=("a", "b"), parent_transform_id=turned.GetID()
    )
    added = markups_points.add_points(
        context,
        markups_points.AddArguments(
            markups_id=made.id,
            points=(
                markups_points.NewPoint(position_ras=(1, 2, 3), label="new", description="why"),
                markups_points.NewPoint(position_local_ras=(4, 5, 6)),
            ),
            index=1,
        ),
    )
    labels = [point.label for point in added.control_points]
    assert labels[:2] == ["a", "new"]
    assert labels[3] == "b"
    assert labels[2]
    assert added.control_points[1].position_ras == pytest.approx((1, 2, 3))
    assert added.control_points[2].position_local_ras == pytest.approx((4, 5, 6))
    target = added.control_points[1].id
    moved = markups_points.update_point(
        context,
        markups_points.UpdateArguments(
            markups_id=made.id, point_id=target, position_ras=(9, 9, 9), label="moved", is_locked=True
        ),
    )
    assert (moved.id, moved.label, moved.is_locked, moved.description) == (target, "moved", True, "why")
    assert moved.position_ras == pytest.approx((9, 9, 9))
    left = markups_points.delete_point(
        context, markups_points.PointArguments(markups_id=made.id, point_id=target)
    )
    assert target not in [point.id for point in left.control_points]
    assert left.control_point_count == 3


def test_points_of_a_line_are_fixed_in_number(context):
    """slicer: a line has two."""
    made = create(context, points_ras=SQUARE[:2])
    point = markups_points.NewPoint(position_ras=(0, 0, 0))
    with pytest.raises(ArgumentInvalidError, match="fixed"):
        markups_points.add_points(context, markups_points.AddArguments(markups_id=made.id, points=(point,)))
    identifier = made.control_points[0].id
    with pytest.raises(ArgumentInvalidError, match="fixed"):
        markups_points.delete_point(
            context, markups_points.PointArguments(markups_id=made.id, point_id=identifier)
        )
    with pytest.raises(ArgumentInvalidError, match="point_id"):
        markups_points.update_point(
            context, markups_points.UpdateArguments(markups_id=made.id, point_id="77", label="x")
        )


def test_points_are_listed_in_pages(context):
    """house."""
    made = create(context, type="fiducial", points_ras=[(index, 0, 0) for index in range(7)])
    seen, cursor = [], None
    while True:
        page = markups_points.list_points(
            context, markups_points.ListArguments(markups_id=made.id, limit=3, cursor=cursor, frame="lps")
        )
        seen += [point.position_lps[0] for point in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == pytest.approx([-index for index in range(7)])
    assert page.total == 7


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    points=some.lists(POSITIONS, min_size=3, max_size=6, unique=True),
    kind=some.sampled_from(["fiducial", "curve", "closedcurve"]),
    labels=some.lists(some.text('aZ09 é漢"\\/', max_size=12), min_size=6, max_size=6),
)
def test_markups_json_brings_back_every_point(context, points, kind, labels):
    """issue:#3: a property."""
    slicer.mrmlScene.Clear(0)
    made = create(context, type=kind, points_ras=points, labels=labels[: len(points)])
    back = import_json(context, read_json(context, made.id))[0]
    assert back.type == kind
    assert back.id != made.id
    assert [point.label for point in back.control_points] == [point.label for point in made.control_points]
    assert np.allclose([point.position_ras for point in back.control_points], points, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("kind", ["line", "angle", "plane", "roi"])
def test_markups_json_brings_back_shapes_and_display(context, kind, rigid):
    """issue:#3."""
    shape = {
        "line": {"points_ras": SQUARE[:2]},
        "angle": {"points_ras": SQUARE[:3]},
        "plane": {"center_ras": (1, 2, 3), "normal_ras": (1, 1, 0), "size_mm": (30, 40)},
        "roi": {"center_ras": (1, 2, 3), "size_mm": (10, 20, 30)},
    }[kind]
    made = create(
        context, type=kind, name="Shape", color=(0.25, 0.5, 0.75), parent_transform_id=rigid.GetID(), **shape
    )
    world = import_json(context, read_json(context, made.id, "world"))[0]
    local = import_json(context, read_json(context, made.id))[0]
    assert world.parent_transform_id is None
    assert world.color == pytest.approx((0.25, 0.5, 0.75))
    if made.box is not None:
        assert world.box.center_ras == pytest.approx(made.box.center_ras)
        assert world.box.size_mm == pytest.approx(made.box.size_mm)
        assert world.box.z_axis_ras == pytest.approx(made.box.z_axis_ras)
    pairs = list(zip(made.control_points, world.control_points, local.control_points, strict=True))
    for original, in_world, in_local in pairs:
        assert in_world.position_ras == pytest.approx(original.position_ras)
        assert in_local.position_ras == pytest.approx(original.position_local_ras)


def test_reading_markups_json_changes_nothing(context, turned):
    """http: a read is safe."""
    made = create(context, type="fiducial", points_ras=SQUARE, parent_transform_id=turned.GetID())
    get(context, made.id)
    revision, count = context.host.scene.revision, slicer.mrmlScene.GetNumberOfNodes()
    read_json(context, made.id)
    read_json(context, made.id, "world")
    assert slicer.mrmlScene.GetNumberOfNodes() == count
    assert context.host.scene.revision == revision


def test_replacing_keeps_id_name_and_transform(context, turned):
    """issue:#3."""
    made = create(
        context, type="fiducial", points_ras=SQUARE, name="Kept", parent_transform_id=turned.GetID()
    )
    other = create(context, type="fiducial", points_ras=((1, 2, 3),), name="Other")
    count = slicer.mrmlScene.GetNumberOfNodes()
    data = Bytes(read_json(context, other.id))
    changed = markups_files.replace_data(
        context, markups_files.ReplaceArguments(markups_id=made.id, content=data)
    )
    assert (changed.id, changed.name, changed.parent_transform_id) == (made.id, "Kept", turned.GetID())
    assert [point.position_local_ras for point in changed.control_points] == [pytest.approx((1, 2, 3))]
    assert slicer.mrmlScene.GetNumberOfNodes() == count
    line = create(context, points_ras=SQUARE[:2])
    with pytest.raises(DataInvalidError, match="takes one line"):
        markups_files.replace_data(context, markups_files.ReplaceArguments(markups_id=line.id, content=data))


def test_broken_markups_json_is_refused_with_the_place_of_the_fault(context, scene):
    """issue:#3."""
    made = create(context, type="fiducial", points_ras=SQUARE)
    good = json.loads(read_json(context, made.id))
    before = scene.GetNumberOfNodes()
    for path, value in (
        (("markups", 0, "type"), "Blob"),
        (("markups", 0, "controlPoints", 1, "position"), [1, 2]),
        (("markups", 0, "display", "opacity"), 7),
        (("markups", 0, "coordinateSystem"), "RAI"),
        (("@schema",), "https://example.org/other.json"),
        (("markups",), []),
    ):
        bad = json.loads(json.dumps(good))
        place = bad
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        with pytest.raises(DataInvalidError) as refused:
            import_json(context, json.dumps(bad).encode())
        assert refused.value.errors[0].pointer == "/" + "/".join(map(str, path))
    for junk in (b"", b"[]", b"{", b"\xff\xfe", b'{"@schema": NaN}'):
        with pytest.raises(DataInvalidError):
            import_json(context, junk)
    assert scene.GetNumberOfNodes() == before


def test_file_of_several_markups_makes_several_nodes(context):
    """slicer: a file may hold more than one."""
    first = json.loads(read_json(context, create(context, type="line", points_ras=SQUARE[:2]).id))
    second = json.loads(
        read_json(context, create(context, type="roi", center_ras=(0, 0, 0), size_mm=(1, 2, 3)).id)
    )
    first["markups"] += second["markups"]
    found = import_json(context, json.dumps(first).encode())
    assert [node.type for node in found] == ["line", "roi"]


def test_schema_is_a_schema():
    """house."""
    markups_schema.Draft7Validator.check_schema(markups_schema.MARKUPS_SCHEMA)


@pytest.mark.parametrize("kind", ["plane", "roi"])
def test_box_keeps_its_size_under_a_transform_that_scales_unequally(context, turned, kind):
    """issue:#3: center, axes and size are those in the world, whatever the transform."""
    size = (10, 20, 30)[: 2 if kind == "plane" else 3]
    axes = ((0, 0.6, 0.8), (1, 0, 0), (0, 0.8, -0.6))
    made = create(
        context,
        type=kind,
        center_ras=(1, 2, 3),
        axes_ras=axes,
        size_mm=size,
        parent_transform_id=turned.GetID(),
    )
    assert made.box.size_mm == pytest.approx(size)
    copy = slicer.mrmlScene.CopyNode(slicer.mrmlScene.GetNodeByID(made.id))
    assert get(context, copy.GetID()).box.size_mm == pytest.approx(size)
    moved = update(context, made.id, center_ras=(4, 5, 6))
    assert (moved.box.center_ras, moved.box.size_mm) == (pytest.approx((4, 5, 6)), pytest.approx(size))
    sized = update(context, made.id, size_mm=[2 * length for length in size])
    assert (sized.box.center_ras, sized.parent_transform_id) == (pytest.approx((4, 5, 6)), turned.GetID())
    assert sized.box.size_mm == pytest.approx([2 * length for length in size])


@pytest.mark.parametrize(
    ("points", "angle"),
    [
        (((3.3, 1.7, 9.1), (0, 0, 0), (6.6, 3.4, 18.2)), 0),
        (((3.3, 1.7, 9.1), (0, 0, 0), (-6.6, -3.4, -18.2)), 180),
        (((1, 1, 1), (1, 1, 1), (2, 2, 2)), None),
    ],
)
def test_angle_of_points_on_one_line_is_straight_and_of_points_in_one_place_none(context, points, angle):
    """slicer: `vtkMRMLMarkupsAngleNode::GetAngleDegrees` gives no number for the first, 90 for the last."""
    made = create(context, type="angle", points_ras=points)
    assert made.angle_deg == (None if angle is None else pytest.approx(angle, abs=1e-5))


def roi_json(**members):
    entry = {"type": "ROI", "center": [10, 20, 30], "size": [5, 6, 7], **members}
    return json.dumps({"@schema": "markups-schema-v1.0.3.json#", "markups": [entry]}).encode()


@pytest.mark.parametrize("has_points", [True, False])
@pytest.mark.parametrize(("coordinate_system", "sign"), [("RAS", 1), ("LPS", -1), (None, -1)])
def test_roi_of_a_file_lies_and_is_turned_as_the_frame_of_the_file_says(
    context, coordinate_system, sign, has_points
):
    """slicer: its reader takes the orientation of every ROI as LPS; the center may stand in `center` alone."""
    axes = ((0, 0.6, 0.8), (1, 0, 0), (0, 0.8, -0.6))
    members = {"orientation": list(np.array(axes).T.ravel())}
    if has_points:
        members["controlPoints"] = [{"position": [10, 20, 30]}]
    if coordinate_system:
        members["coordinateSystem"] = coordinate_system
    box = import_json(context, roi_json(**members))[0].box
    flip = np.array((sign, sign, 1))
    assert box.center_ras == pytest.approx(flip * (10, 20, 30))
    assert np.allclose((box.x_axis_ras, box.y_axis_ras, box.z_axis_ras), flip * axes)
    assert box.size_mm == pytest.approx((5, 6, 7))


def test_roi_of_a_file_without_orientation_has_axes(context):
    """slicer: its reader leaves axes of no length."""
    box = import_json(context, roi_json(controlPoints=[{"position": [10, 20, 30]}]))[0].box
    assert np.allclose(np.abs((box.x_axis_ras, box.y_axis_ras, box.z_axis_ras)), np.eye(3))


def test_plane_of_points_on_one_line_is_none(context):
    """issue:#3: no axes without length, no area."""
    made = create(context, type="plane", points_ras=((0, 0, 0), (1, 1, 1), (2, 2, 2)))
    assert (made.box, made.area_mm2) == (None, None)


@pytest.mark.parametrize("unit", ["um", ["um", "UCUM", "micrometer"], ["cm", "UCUM", "centimeter"]])
def test_file_in_another_unit_than_mm_is_refused(context, scene, unit):
    """slicer: its reader takes the numbers of every file as mm."""
    before = scene.GetNumberOfNodes()
    with pytest.raises(DataInvalidError, match="'mm' was expected") as refused:
        import_json(context, roi_json(coordinateUnits=unit))
    assert refused.value.errors[0].pointer.startswith("/markups/0/coordinateUnits")
    assert scene.GetNumberOfNodes() == before
    import_json(context, roi_json(coordinateUnits=["mm", "UCUM", "millimeter"]))
