import numpy as np
import pytest

from AgentBridgeLib.errors import DataInvalidError
from AgentBridgeLib.operations.common import nrrd

GOOD = {
    "type": "short",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "2 3 4",
    "space directions": "(1,0,0) (0,1,0) (0,0,1)",
    "kinds": "domain domain domain",
    "endian": "little",
    "encoding": "raw",
    "space origin": "(0,0,0)",
}


def nrrd_bytes(size=48, magic="NRRD0004", **changes):
    fields = {**GOOD, **{name.replace("_", " "): value for name, value in changes.items()}}
    lines = [magic, *(f"{name}: {value}" for name, value in fields.items() if value is not None)]
    return memoryview(("\n".join(lines) + "\n\n").encode() + bytes(size))


def test_written_header_is_read_back_with_the_same_type_and_geometry():
    """issue:#2."""
    matrix = np.array([[0.5, 0.1, 0, 10], [0, 2, 0.3, -20.25], [0.2, 0, 3, 30], [0, 0, 0, 1]])
    for frame, flip in (("ras", np.diag([-1.0, -1, 1])), ("lps", np.eye(3))):
        head = nrrd.write_header("uint16", (2, 3, 4), 1, matrix, frame, {"note": "a\nb"})
        header = nrrd.read_header(memoryview(head + bytes(48)))
        assert (header.scalar_type, header.dimensions_ijk, header.component_count) == ("uint16", (2, 3, 4), 1)
        assert np.allclose(np.array(header.axes_lps).T, flip @ matrix[:3, :3])
        assert np.allclose(header.origin_lps, flip @ matrix[:3, 3])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 47}, "claims 48 bytes"),
        ({"size": 49}, "claims 48 bytes"),
        ({"sizes": "2000000000 2000000000 2000000000"}, "claims"),
        ({"sizes": "0 3 4"}, "below 1"),
        ({"sizes": "-2 3 4"}, "below 1"),
        ({"sizes": "2 3"}, "dimension is 3"),
        ({"sizes": "a b c"}, "no number"),
        ({"type": "block"}, "not supported"),
        ({"type": None}, "missing"),
        ({"endian": "middle"}, "endian"),
        ({"endian": None}, "missing"),
        ({"encoding": "bzip2"}, "encoding"),
        ({"data_file": "other.raw"}, "attached"),
        ({"space": "scanner-xyz"}, "space"),
        ({"space_directions": "(1,0,0) (2,0,0) (0,0,1)"}, "span"),
        ({"space_directions": "(1,0,0) (0,0,0) (0,0,1)"}, "span"),
        ({"space_directions": "(nan,0,0) (0,1,0) (0,0,1)"}, "finite"),
        ({"space_directions": "(1,0) (0,1,0) (0,0,1)"}, "three numbers"),
        ({"space_units": '"cm" "cm" "cm"'}, "cm"),
        ({"encoding": "gzip", "sizes": "2000 2000 2000"}, "compressed bytes"),
        ({"line_skip": "3"}, "line skip"),
        ({"line_skip": "some"}, "no number"),
        ({"byte_skip": "-5"}, "byte skip"),
        ({"magic": "NRRD0009"}, "version"),
        ({"magic": "PNG"}, "begin"),
    ],
)
def test_header_that_claims_what_cannot_be_is_refused_before_any_allocation(change, words):
    """issue:#2."""
    with pytest.raises(DataInvalidError, match=words):
        nrrd.read_header(nrrd_bytes(**change))


def test_header_without_end_is_refused():
    """issue:#2."""
    with pytest.raises(DataInvalidError, match="empty line"):
        nrrd.read_header(memoryview(b"NRRD0004\ntype: short\n"))


def test_header_without_space_is_taken_as_lps_and_says_so():
    """slicer: ITK's NRRD reader does the same."""
    header = nrrd.read_header(
        nrrd_bytes(space=None, space_directions=None, space_origin=None, spacings="1 2 3")
    )
    assert header.axes_lps == ((1, 0, 0), (0, 2, 0), (0, 0, 3))
    assert len(header.warnings) == 2


def test_components_must_be_the_fastest_axis():
    """house."""
    header = nrrd.read_header(
        nrrd_bytes(
            size=144,
            dimension="4",
            sizes="3 2 3 4",
            kinds="vector domain domain domain",
            space_directions="none (1,0,0) (0,1,0) (0,0,1)",
        )
    )
    assert header.component_count == 3
    assert header.dimensions_ijk == (2, 3, 4)
    with pytest.raises(DataInvalidError, match="fastest"):
        nrrd.read_header(
            nrrd_bytes(
                size=144,
                dimension="4",
                sizes="2 3 4 3",
                kinds="domain domain domain list",
                space_directions="(1,0,0) (0,1,0) (0,0,1) none",
            )
        )
