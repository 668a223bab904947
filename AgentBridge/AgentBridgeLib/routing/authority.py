"""By what name a client knows this computer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from AgentBridgeLib.model.exchange import RequestHead

_HOST = re.compile(r"(?P<name>localhost|127\.0\.0\.1|\[::1\])(:(?P<port>[0-9]{1,5}))?", re.IGNORECASE)


def own_authority(head: RequestHead) -> str | None:
    """Give the loopback name of the Host header with our port, whether the client wrote the port or not.

    None when it is another name or another port.
    """
    found = _HOST.fullmatch(head.headers.get("host", ""))
    if found is None or found["port"] not in {None, str(head.local_port)}:
        return None
    return f"{found['name'].lower()}:{head.local_port}"
