"""What image headers claim, compared with what Slicer writes, and with lies."""

from __future__ import annotations

import gzip
import struct

import pytest

from AgentBridgeLib.host.file_checks import FileChecks
from AgentBridgeLib.host.files import SlicerFiles
from AgentBridgeLib.host.image_headers import ImageClaim, read_claim

MEMORY = 20 * 24 * 16 * 2  # of `a_volume`


@pytest.mark.parametrize("compressed", [0, 1])
@pytest.mark.parametrize("ending", [".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd"])
def test_claims_of_what_slicer_writes_are_right_and_not_larger_than_the_file(
    host_scene, a_volume, tmp_path, ending, compressed
):
    """slicer: no honest file may be refused."""
    path = tmp_path / f"v{ending}"
    SlicerFiles(host_scene, FileChecks()).save(a_volume, str(path), {"useCompression": compressed})
    claim = read_claim(path.name, path.read_bytes())
    assert claim.memory_bytes == MEMORY
    data = tmp_path / claim.data_file if claim.data_file else path
    assert claim.stored_bytes <= data.stat().st_size
    FileChecks().check_file(path)


def nrrd(**fields):
    lines = {"type": "short", "dimension": "3", "sizes": "4 5 6", "encoding": "raw", **fields}
    return ("NRRD0004\n# c: d\n" + "".join(f"{k}: {v}\n" for k, v in lines.items()) + "a:=b: c\n\n").encode()


BLOCKS = nrrd(type="block", **{"block size": "7"})
COLORS = b"DimSize = 4 5\nElementNumberOfChannels = 3\nElementType = MET_UCHAR\nElementDataFile = x.raw\n"
CLAIMS = [
    ("x.nrrd", nrrd(), 240, len(nrrd()) + 240, ""),
    ("x.nrrd", nrrd(type="double", encoding="gzip"), 960, len(nrrd(type="double", encoding="gzip")), ""),
    ("x.nrrd", nrrd(encoding="ascii"), 240, len(nrrd(encoding="ascii")) + 239, ""),
    ("x.nhdr", nrrd(**{"data file": "x.raw"}), 240, 240, "x.raw"),
    ("x.nhdr", nrrd(**{"data file": "x%03d.raw 1 6 1"}), 240, 0, ""),
    ("x.nrrd", BLOCKS, 840, len(BLOCKS) + 840, ""),
    (
        "x.mha",
        b"NDims = 3\nDimSize = 4 5 6\nElementType = MET_FLOAT\nElementDataFile = LOCAL\n",
        480,
        554,
        "",
    ),
    ("x.mhd", COLORS, 60, 60, "x.raw"),
    ("x.mgz", gzip.compress(struct.pack(">6i", 1, 4, 5, 6, 1, 3) + bytes(260)), 480, 0, ""),
    ("x.mgh", struct.pack(">6i", 1, 4, 5, 6, 2, 4), 480, 764, ""),
]


@pytest.mark.parametrize(("name", "head", "memory", "stored", "data_file"), CLAIMS)
def test_headers_are_read_by_their_format(name, head, memory, stored, data_file):
    """house: NRRD, MetaImage and MGH definitions."""
    claim = read_claim(name, head)
    assert (claim.memory_bytes, claim.stored_bytes, claim.data_file) == (memory, stored, data_file)


def nifti(order, version, sizes, bits):
    if version == 1:
        head = bytearray(352)
        struct.pack_into(order + "i", head, 0, 348)
        struct.pack_into(order + "8h", head, 40, len(sizes), *sizes, *[1] * (7 - len(sizes)))
        struct.pack_into(order + "h", head, 72, bits)
        struct.pack_into(order + "f", head, 108, 352)
    else:
        head = bytearray(544)
        struct.pack_into(order + "i", head, 0, 540)
        struct.pack_into(order + "8q", head, 16, len(sizes), *sizes, *[1] * (7 - len(sizes)))
        struct.pack_into(order + "h", head, 14, bits)
        struct.pack_into(order + "q", head, 168, 544)
    return bytes(head)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("version", "offset"), [(1, 352), (2, 544)])
def test_nifti_headers_of_both_versions_and_byte_orders_are_read(order, version, offset):
    """house: NIfTI-1 and -2."""
    head = nifti(order, version, (4, 5, 6, 2), 32)
    assert read_claim("x.nii", head) == ImageClaim(960, offset + 960)
    assert read_claim("x.hdr", head) == ImageClaim(960, 0)
    packed = read_claim("x.nii.gz", gzip.compress(head + bytes(960)))
    assert packed.memory_bytes == 960


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("x.nrrd", nrrd(sizes="4 -5 6")),
        ("x.nrrd", nrrd(sizes="4 many 6")),
        ("x.nrrd", nrrd(sizes="0 5 6")),
        ("x.nii", nifti("<", 1, (4, -5, 6), 16)),
        ("x.mha", b"DimSize = 0 5 6\nElementType = MET_FLOAT\nElementDataFile = LOCAL\n"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(name, head):
    """house: never handed to an allocation."""
    with pytest.raises(ValueError):
        read_claim(name, head)


@pytest.mark.parametrize("name", ["x.nrrd", "x.nii", "x.nii.gz", "x.mha", "x.mgh", "x.mgz", "x.png", "x.hdr"])
@pytest.mark.parametrize("head", [b"", b"\0" * 10, b"NRRD", b"rubbish" * 100, b"\x1f\x8b\x08rubbish"])
def test_what_is_not_understood_claims_nothing(name, head):
    """house: the reader has the last word."""
    assert read_claim(name, head) is None


def test_a_gzip_cannot_hold_what_deflate_cannot_pack():
    """house: 1032 to 1 is the limit of RFC 1951."""
    claim = read_claim("x.nii.gz", gzip.compress(nifti("<", 1, (30000, 30000, 1000), 16)))
    assert claim.stored_bytes > 10**9
