"""Room for a body."""

import numpy as np
import pytest

from AgentBridgeLib.errors import OutOfMemoryError
from AgentBridgeLib.transport.buffers import allocate_body


@pytest.mark.parametrize("length", [0, 1, 1000, 65536, 65537, 5_000_001])
def test_the_room_has_the_length_and_can_be_written(length):
    """issue:#2 received straight into the final buffer."""
    room = allocate_body(length)

    assert (room.nbytes, room.format, room.readonly) == (length, "B", False)
    room[:] = bytes(length)


@pytest.mark.parametrize("length", [65537, 1_000_003, 50_000_000])
def test_a_large_room_begins_at_a_multiple_of_64_bytes(length):
    """house: suits every NumPy and VTK scalar type."""
    array = np.frombuffer(allocate_body(length), dtype=np.uint8)

    assert array.__array_interface__["data"][0] % 64 == 0


@pytest.mark.parametrize("length", [1 << 60, (1 << 63) - 100, 1 << 70])
def test_more_than_there_is_becomes_an_answerable_error(length):
    """issue:#2 huge requests: an announced length never ends the process."""
    with pytest.raises(OutOfMemoryError):
        allocate_body(length)
