"""Receive by C-STORE on 127.0.0.1 and write files: ``store_scp.py PORT FOLDER``; prints the path of each one.

A file has its name only when it is complete; the sender hears of success after that.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import Verification

SUCCESS, OUT_OF_RESOURCES = 0x0000, 0xA700


def main(port: int, folder: Path) -> None:
    """Receive until killed."""
    numbers = itertools.count()

    def on_store(event: Any) -> int:
        path = folder / f"{next(numbers)}-{event.request.AffectedSOPInstanceUID}.dcm"
        beside = path.with_suffix(".part")
        try:
            beside.write_bytes(event.encoded_dataset())
            beside.replace(path)
        except OSError:
            return OUT_OF_RESOURCES
        print(path, flush=True)
        return SUCCESS

    entity = AE("STORESCP")
    entity.maximum_pdu_size = 0
    entity.supported_contexts = AllStoragePresentationContexts
    for context in entity.supported_contexts:
        context.transfer_syntax = list(AllTransferSyntaxes)
    entity.add_supported_context(Verification)
    entity.start_server(("127.0.0.1", port), block=True, evt_handlers=[(evt.EVT_C_STORE, on_store)])


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
