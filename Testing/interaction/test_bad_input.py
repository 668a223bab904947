"""What is wrong is told, nothing is lost, and the server is alive: through the whole stack, on real MRML."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

HEAD = (
    "NRRD0004\ntype: {type}\ndimension: 3\nspace: left-posterior-superior\nsizes: {sizes}\n"
    "space directions: (0.8,0,0) (0,1.1,0) (0,0,2.5)\nkinds: domain domain domain\nendian: little\n"
    "encoding: {encoding}\nspace origin: (1,2,3)\n\n"
)


def nrrd(sizes="4 3 2", kind="int16", encoding="raw", data=b""):
    return HEAD.format(type=kind, sizes=sizes, encoding=encoding).encode() + data


@pytest.fixture
def alive(a_bridge):
    """The bridge; its scene and health are as before when the test ends."""
    before = a_bridge.get("/nodes", hidden=True).json()["total"]
    yield a_bridge
    a_bridge.get("/health").expect(200)
    assert a_bridge.get("/nodes", hidden=True).json()["total"] == before


VOXELS = np.arange(24, dtype="<i2").tobytes()


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (b"", {"data.invalid", "argument.invalid"}),
        (b"nonsense", {"data.invalid"}),
        (nrrd(data=VOXELS[:-1]), {"data.invalid"}),
        (nrrd(data=VOXELS + b"x"), {"data.invalid"}),
        (nrrd("100000 100000 100000", data=VOXELS), {"data.invalid", "host.out_of_memory"}),
        (nrrd("99999999999999999999 1 1", data=VOXELS), {"data.invalid", "host.out_of_memory"}),
        (nrrd("-4 3 2", data=VOXELS), {"data.invalid"}),
        (nrrd("4 3", data=VOXELS), {"data.invalid"}),
        (nrrd(kind="float16", data=VOXELS), {"data.invalid"}),
        (nrrd(encoding="bzip2", data=VOXELS), {"data.invalid"}),
        (nrrd(encoding="gzip", data=b"no gzip"), {"data.invalid"}),
        (nrrd("1 1 1", encoding="gzip", data=gzip.compress(bytes(1_000_000))), {"data.invalid"}),
        (
            nrrd("20000 20000 20000", encoding="gzip", data=gzip.compress(bytes(9))),
            {"data.invalid", "host.out_of_memory"},
        ),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"{" * 65535, {"data.invalid"}),
    ],
    ids=range(14),
)
def test_volume_that_is_not_what_it_claims_is_refused_before_anything_is_made(alive, body, codes):
    """issue:#2: checked before any allocation, which would kill the process"""
    answer = alive.post_bytes("/volumes", body)
    assert answer.code in codes, answer.body[:500]
    assert answer.json()["detail"]


def test_upload_cut_in_the_middle_leaves_no_half_made_node(alive):
    """issue:#2"""
    body = nrrd("64 64 64", data=bytes(64**3 * 2))
    for sent in (10, 300, len(body) // 2, len(body) - 1):
        with alive.raw_socket() as connection:
            connection.sendall(
                f"POST {alive.prefix}/volumes HTTP/1.1\r\nHost: 127.0.0.1:{alive.port}\r\n"
                f"Authorization: Bearer {alive.token}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            )
            connection.sendall(body[:sent])
    assert alive.get("/volumes").json()["total"] == 0


def test_upload_cut_in_the_middle_leaves_the_old_voxels(a_bridge):
    """issue:#2: nothing lost"""
    volume = a_bridge.post_bytes("/volumes", nrrd(data=VOXELS)).expect().json()["id"]
    with a_bridge.raw_socket() as connection:
        connection.sendall(
            f"PUT {a_bridge.prefix}/volumes/{volume}/data HTTP/1.1\r\nHost: 127.0.0.1:{a_bridge.port}\r\n"
            f"Authorization: Bearer {a_bridge.token}\r\nContent-Length: {len(nrrd()) + 48}\r\n\r\n".encode()
        )
        connection.sendall(nrrd() + bytes(20))
    assert a_bridge.get(f"/volumes/{volume}/data", format="raw").expect().body == VOXELS


@pytest.mark.parametrize(
    "name", ["lies.nrrd", "lies.mha", "lies.nii", "empty.nrrd", "text.vtk", "broken.mrb", "x.unknown"]
)
def test_file_that_is_not_what_it_claims_is_refused(alive, work_folder, name):
    """issue:#2"""
    content = {
        "lies.nrrd": nrrd("30000 30000 30000", data=VOXELS),
        "lies.mha": b"ObjectType = Image\nNDims = 3\nDimSize = 30000 30000 30000\nElementType = MET_SHORT\n"
        b"ElementDataFile = LOCAL\n",
        "lies.nii": (348).to_bytes(4, "little")
        + bytes(36)
        + np.array([3, 30000, 30000, 30000, 1, 1, 1, 1], "<i2").tobytes()
        + bytes(14)
        + np.array([4, 16], "<i2").tobytes()
        + bytes(400),
    }.get(name, b"" if name.startswith("empty") else b"nonsense\n")
    path = work_folder / name
    path.write_bytes(content)
    route = "/scene/load" if name.endswith(".mrb") else "/files/load"
    answer = alive.post(route, {"path": str(path)})
    assert answer.code in {"file.unreadable", "host.out_of_memory", "data.invalid"}, answer.body[:400]


def test_python_that_exits_or_never_stops_talking_leaves_the_host_alive(start_bridge):
    """issue:#2: SystemExit included"""
    client = start_bridge(grants={"python.execute": "allow"}).client
    for source in (
        "raise SystemExit(3)",
        "import sys; sys.exit()",
        "raise KeyboardInterrupt",
        "1/0",
        "x = (",
        "print('x' * 10**7)",
    ):
        result = client.post("/python/execute", {"source": source}).expect(200).json()
        assert len(json.dumps(result)) < 200_000
    client.get("/scene").expect(200)


def test_connections_without_end_leave_no_descriptor_behind(start_bridge):
    """issue:#2: 5,000 connections, and 200 at once"""
    host = start_bridge()
    host.client.get("/health").expect(200)
    before = open_files(host.process.pid)
    head = f"GET {host.client.prefix}/health HTTP/1.1\r\nHost: 127.0.0.1:{host.client.port}\r\n"
    line = f"{head}Connection: close\r\n\r\n".encode()
    for _ in range(5000):
        with host.client.raw_socket() as connection:
            connection.sendall(line)
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    crowd = [host.client.raw_socket() for _ in range(200)]
    for connection in crowd:
        connection.close()
    for _ in range(200):
        host.client.get("/health").expect(200)
    assert open_files(host.process.pid) <= before + 2


def open_files(process):
    from pathlib import Path

    return len(list(Path(f"/proc/{process}/fd").iterdir()))
