"""Speak DICOMweb with a remote node, in a process of its own: ``dicomweb.py REQUEST.json``.

REQUEST.json names the node (url, user, secret, timeout_s), what to do (search, metadata, instance, pull, push) and the
folder for files; the result is written to ``result.json`` beside it. Progress goes to standard output as command line
modules of Slicer write it. Needs requests and pydicom, nothing of the bridge.

A node's answer is never trusted: redirects are not followed, lengths, speed and closing boundaries are checked, and
each instance must be the one that was asked for. Failures of the network and of the server (5xx) are repeated with
growing pauses.
"""

from __future__ import annotations

import json
import math
import re
import secrets
import sys
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydicom
import requests
import urllib3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ATTEMPTS = 4
FIRST_PAUSE_S = 0.25
PAGE = 1000
SMALLEST_LIMIT = 50  # no server gives less at a time
HANDLES = {"studies": "0020000D", "series": "0020000E", "instances": "00080018"}
MOST_INSTANCES = 100_000
MOST_INSTANCE_BYTES = 2 << 30
MOST_JSON_BYTES = 256 << 20
LEAST_BYTES_PER_S = 10_000  # after the first `timeout_s` seconds
MOST_INFLATED_BYTES = 1 << 30
SMALL_BYTES = MOST_INFLATED_BYTES // 1032  # deflate makes nothing smaller than that
META_BEFORE_BYTES = 132 + 12  # the preamble, and the length of the file meta information
CHUNK_BYTES = 1 << 20
SENT_BYTES = 32 << 20  # in one message
FETCHED_BYTES = 64 << 20  # before they go into the database
UID = re.compile(r"[0-9]+(\.[0-9]+)*")
TAG = re.compile(r"[0-9A-Fa-f]{8}")
RAW = "*?,.-:/=@!$()'_~"
"""What stands in a query as it is: some servers (Orthanc 1.10) do not decode percent signs."""


class NodeError(Exception):
    """The node does not do what was asked; `kind` says in which way."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


class Node:
    """A remote node."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.url = str(request["url"]).rstrip("/")
        self._timeout = (min(10.0, request["timeout_s"]), request["timeout_s"])
        self._session = requests.Session()
        self._session.trust_env = False  # neither proxies nor credentials of the environment
        if request.get("user"):
            self._session.auth = (request["user"], request.get("secret", ""))
        elif request.get("secret"):
            self._session.headers["Authorization"] = f"Bearer {request['secret']}"

    def datasets(self, path: str) -> list[dict[str, Any]]:
        """Ask for DICOM JSON; 204 is an empty list."""
        return repeat(lambda: self._datasets(path))

    def fetch(self, path: str, target: Path) -> None:
        """Save the one instance of an answer of several parts."""
        repeat(lambda: self._fetch(path, target))

    def send(self, path: str, files: list[Path]) -> tuple[set[str], dict[str, str]]:
        """Store files; give the UIDs that the node says it has stored, and those that it refused with the reason."""
        return repeat(lambda: self._send(path, files))

    def _datasets(self, path: str) -> list[dict[str, Any]]:
        with self._ask("GET", path, {"Accept": "application/dicom+json"}) as answer:
            if answer.status_code == 204:
                return []
            try:
                found = json.loads(self._body(answer, MOST_JSON_BYTES))
                if isinstance(found, list) and all(isinstance(one, dict) for one in found):
                    return [well_formed(one) for one in found]
            except (ValueError, RecursionError):
                raise NodeError("broken", "its answer is no JSON, or nested too deeply") from None
        raise NodeError("broken", "its answer is no DICOM JSON")

    def _fetch(self, path: str, target: Path) -> None:
        accept = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
        with self._ask("GET", path, accept) as answer:
            data = self._body(answer, MOST_INSTANCE_BYTES)
            body = only_part(data, answer.headers.get("Content-Type", ""))
        beside = target.with_suffix(".part")
        beside.write_bytes(body)
        beside.replace(target)

    def _body(self, answer: requests.Response, most_bytes: int) -> bytes:
        """Read an answer that may be too long, too short, or trickle."""
        began, data = time.monotonic(), bytearray()
        read = getattr(answer.raw, "read1", answer.raw.read)  # urllib3 below 2.1 has no read1
        try:
            while chunk := read(CHUNK_BYTES, decode_content=True):
                data += chunk
                if len(data) > most_bytes:
                    raise NodeError("too_large", f"its answer is larger than {most_bytes >> 20} MiB")
                if time.monotonic() - began > self._timeout[1] + len(data) / LEAST_BYTES_PER_S:
                    raise NodeError("too_slow", "its answer trickles in")
        except urllib3.exceptions.ReadTimeoutError:
            raise NodeError("timeout", "it stopped answering in the middle") from None
        except urllib3.exceptions.HTTPError:
            raise NodeError("cut_off", "the connection broke in the middle") from None
        claimed = answer.headers.get("Content-Length", "")
        if claimed.isdigit() and "Content-Encoding" not in answer.headers and int(claimed) != len(data):
            raise NodeError("cut_off", "its answer is shorter than it says")
        return bytes(data)

    def _send(self, path: str, files: list[Path]) -> tuple[set[str], dict[str, str]]:
        boundary = f"agentbridge-{secrets.token_hex(16)}"
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Accept": "application/dicom+json",
        }
        body = b"".join(parts_of(files, boundary))
        with self._ask(
            "POST", path, headers, body, also=409
        ) as answer:  # 409: all failed, each with its reason
            try:
                found = json.loads(self._body(answer, MOST_JSON_BYTES))
                items = well_formed(found if isinstance(found, dict) else {})
            except (ValueError, RecursionError):
                raise NodeError("broken", "its answer does not say what it has stored") from None
        refused = {
            text(one, "00081155"): reason_of(one) for one in items.get("00081198", {}).get("Value", [])
        }
        return {text(one, "00081155") for one in items.get("00081199", {}).get("Value", [])}, refused

    def _ask(
        self, method: str, path: str, headers: dict[str, str], data: Any = None, also: int = 200
    ) -> requests.Response:
        try:
            answer = self._session.request(
                method,
                self.url + path,
                headers=headers,
                data=data,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
        except requests.Timeout:
            raise NodeError("timeout", "it did not answer in time") from None
        except requests.RequestException:
            raise NodeError("unreachable", "it cannot be reached") from None
        code = answer.status_code
        if 200 <= code < 300 or code == also:
            return answer
        answer.close()
        if code in {401, 403}:
            raise NodeError("unauthorized", f"it refuses the credentials of the settings (status {code})")
        if 300 <= code < 400:
            raise NodeError("redirect", "it redirects elsewhere, which is not followed")
        if code == 404:
            raise NodeError("not_found", "it does not have what was asked for")
        kind = "server_error" if code >= 500 else "refused"
        raise NodeError(kind, f"it answers with status {code}")


def repeat(call: Callable[[], Any]) -> Any:
    """Make a call again, after growing pauses, while the fault may pass."""
    for attempt in range(ATTEMPTS):
        try:
            return call()
        except NodeError as error:
            if attempt == ATTEMPTS - 1 or error.kind not in {
                "unreachable",
                "timeout",
                "server_error",
                "cut_off",
            }:
                raise
        except requests.RequestException:
            if attempt == ATTEMPTS - 1:
                raise NodeError("cut_off", "the connection broke in the middle") from None
        time.sleep(FIRST_PAUSE_S * 2**attempt)
    raise AssertionError


def only_part(data: bytes, content_type: str) -> bytes:
    """Take the first part of a multipart message; other content is given as it is."""
    if not content_type.lower().startswith("multipart/"):
        return data
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if found is None:
        raise NodeError("broken", "its answer has no boundary")
    mark = b"--" + found[1].strip().encode()
    start = data.find(mark)
    head = data.find(b"\r\n\r\n", start)
    end = data.find(b"\r\n" + mark, head)
    if start < 0 or head < 0 or end < 0:
        raise NodeError("cut_off", "its answer is cut off")
    return data[head + 4 : end]


def parts_of(files: list[Path], boundary: str) -> Iterator[bytes]:
    """Give the pieces of a multipart message of files."""
    for path in files:
        yield f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        yield path.read_bytes()
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def well_formed(dataset: dict[str, Any]) -> dict[str, Any]:
    """Keep of an answer what has the form of DICOM JSON (PS3.18, annex F), so that nobody trips over the rest."""
    elements = {tag.upper(): element_of(entry) for tag, entry in dataset.items() if TAG.fullmatch(tag)}
    return {tag: entry for tag, entry in elements.items() if entry}


def element_of(entry: Any) -> dict[str, Any]:
    """Keep value representation and values; nothing of what is no element."""
    if not isinstance(entry, dict) or not isinstance(entry.get("vr"), str):
        return {}
    made = {
        key: entry[key] for key in ("vr", "InlineBinary", "BulkDataURI") if isinstance(entry.get(key), str)
    }
    if isinstance(entry.get("Value"), list):
        made["Value"] = [value_of(entry["vr"], one) for one in entry["Value"]]
    return made


def value_of(kind: str, value: Any) -> Any:
    """Keep a value of its kind; None for what is none."""
    if kind == "SQ":
        return well_formed(value) if isinstance(value, dict) else {}
    if kind == "PN" and isinstance(value, dict):
        return {key: text for key, text in value.items() if isinstance(text, str)}
    is_scalar = isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value))
    return value if is_scalar else None


def text(dataset: dict[str, Any], tag: str) -> str:
    """Give the first value of a tag of DICOM JSON."""
    values = dataset.get(tag, {}).get("Value") or [""]
    return str(values[0])


def reason_of(failed: dict[str, Any]) -> str:
    """Say why an instance was not stored: a code of PS3.18, annex I.2.2."""
    code = text(failed, "00081197")
    return f"it refuses it (failure reason {int(code):04X}H)" if code.isdecimal() else "it refuses it"


def search(node: Node, request: dict[str, Any]) -> dict[str, Any]:
    """Search studies, series or instances: the first `most` matches, and whether these are all.

    What cannot stand in a query as it is becomes a wildcard; the caller looks at the values again.
    """
    pairs = [f"{key}={legible(value)}" for key, value in request["query"]]
    found, is_whole = listed(node, f"/{request['level']}?{'&'.join(pairs)}", int(request["most"]))
    handle = HANDLES[request["level"]]
    return {"datasets": [one for one in found if UID.fullmatch(text(one, handle))], "is_whole": is_whole}


def legible(value: str) -> str:
    """Write a value for servers that do not decode percent signs, nor match letters beyond ASCII one by one."""
    ascii_only = re.sub(r"[^\x00-\x7f]+", "*", value)
    return "".join(sign if sign.isalnum() or sign in RAW else "?" for sign in ascii_only)


def listed(node: Node, path: str, most: int) -> tuple[list[dict[str, Any]], bool]:
    """Ask page by page; give each match once, `most` at the most, and whether these are all."""
    found: dict[str, dict[str, Any]] = {}
    place, sign = 0, "&" if "?" in path else "?"
    while len(found) < most:
        asked = min(PAGE, most - len(found))
        page = node.datasets(f"{path}{sign}limit={asked}&offset={place}")
        before = len(found)
        found.update((":".join(text(one, tag) for tag in HANDLES.values()), one) for one in page)
        place += len(page)
        # A short page is the last one, unless the server gives fewer at a time than it is asked for.
        if len(page) < asked and len(page) < SMALLEST_LIMIT:
            return list(found.values()), True
        if len(found) == before:  # with exactly as many as before it does not know offsets, and has more
            return list(found.values()), len(page) != asked
    return list(found.values())[:most], False


def locate(node: Node, request: dict[str, Any]) -> str:
    """Give the path of one instance; a node is asked for study and series when the request does not name them."""
    uid, study, series = request["uid"], request["study"], request["series"]
    if not (study and series):
        for found in node.datasets(f"/instances?SOPInstanceUID={uid}&limit=10"):
            uids = [text(found, tag) for tag in ("0020000D", "0020000E", "00080018")]
            if uids[2] == uid and UID.fullmatch(uids[0]) and UID.fullmatch(uids[1]):
                study, series = uids[:2]
                break
        else:
            raise NodeError("not_found", "it does not have this instance")
    return f"/studies/{study}/series/{series}/instances/{uid}"


def metadata(node: Node, request: dict[str, Any]) -> dict[str, Any]:
    """Fetch the attributes of one instance."""
    found = node.datasets(f"{locate(node, request)}/metadata")
    if len(found) != 1 or text(found[0], "00080018") != request["uid"]:
        raise NodeError("broken", "it gives the attributes of another instance")
    return {"dataset": found[0]}


def instance(node: Node, request: dict[str, Any]) -> dict[str, Any]:
    """Fetch one instance as a file."""
    path = locate(node, request)
    target = Path(request["folder"]) / "instance.dcm"
    node.fetch(path, target)
    _, _, study, _, series, _, uid = path.split("/")
    check(target, study, series, uid)
    return {"path": str(target)}


def instances_of(node: Node, study: str, series: list[str]) -> list[tuple[str, str]]:
    """List series and instance UIDs of a study."""
    found: dict[tuple[str, str], None] = {}
    for one in series or [""]:
        path = f"/studies/{study}/series/{one}/instances" if one else f"/studies/{study}/instances"
        page, is_whole = listed(node, path, MOST_INSTANCES)
        if not is_whole:
            raise NodeError(
                "too_large", f"it lists more than {MOST_INSTANCES:,} instances, or never all of them"
            )
        pairs = [(text(dataset, "0020000E") or one, text(dataset, "00080018")) for dataset in page]
        found.update(dict.fromkeys(pair for pair in pairs if all(UID.fullmatch(uid) for uid in pair)))
    return list(found)


def pull(node: Node, request: dict[str, Any]) -> dict[str, Any]:
    """Fetch the instances of a study that are not known yet, as many as a batch holds; tell which are left."""
    study, known = request["study"], set(request["known"])
    wanted = request["wanted"]
    if wanted is None:
        wanted = instances_of(node, study, request["series"])
    left = [(series, uid) for series, uid in wanted if uid not in known]
    already, total = len(wanted) - len(left), request["done"] + len(left)
    fetched: list[dict[str, str]] = []
    failed: list[dict[str, str]] = []
    size = 0
    left.reverse()
    while left and size <= FETCHED_BYTES:
        series, uid = left.pop()
        target = Path(request["folder"]) / f"{len(fetched)}.dcm"
        try:
            size += fetch_whole(node, study, series, uid, target)
            fetched.append({"uid": uid, "series": series, "path": str(target)})
        except NodeError as error:
            failed.append({"uid": uid, "reason": str(error)})
            if error.kind in {"unauthorized", "unreachable", "redirect", "timeout", "disk"}:
                failed += [{"uid": one, "reason": str(error)} for _, one in reversed(left)]
                left.clear()
        tell((total - len(left)) / total)
    return {"already": already, "fetched": fetched, "failed": failed, "left": left[::-1]}


def fetch_whole(node: Node, study: str, series: str, uid: str, target: Path) -> int:
    """Fetch one instance and look whether it is the right one; give its length in bytes."""
    try:
        node.fetch(f"/studies/{study}/series/{series}/instances/{uid}", target)
        check(target, study, series, uid)
        return target.stat().st_size
    except OSError as fault:
        raise NodeError("disk", f"it could not be kept here: {fault.strerror}") from None


def check(path: Path, study: str, series: str, uid: str) -> None:
    """Refuse what is not what was asked for, and what would fill the memory."""
    try:
        require_moderate(path)
        found = pydicom.dcmread(
            path,
            stop_before_pixels=True,
            specific_tags=["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"],
        )
        uids = (found.StudyInstanceUID, found.SeriesInstanceUID, found.SOPInstanceUID)
    except NodeError:
        raise
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken file provokes
        raise NodeError("broken", "an instance is no readable DICOM file") from None
    if tuple(map(str, uids)) != (study, series, uid):
        raise NodeError("broken", "an instance is another one than was asked for")


def require_moderate(path: Path) -> None:
    """Refuse a deflated file that is much larger inside: pydicom inflates all of it for the first attribute."""
    if path.stat().st_size <= SMALL_BYTES:
        return
    meta = pydicom.filereader.read_file_meta_info(path)
    if meta.get("TransferSyntaxUID") == pydicom.uid.DeflatedExplicitVRLittleEndian:
        inflater, count = zlib.decompressobj(-zlib.MAX_WBITS), 0
        with path.open("rb") as file:
            file.seek(META_BEFORE_BYTES + meta.FileMetaInformationGroupLength)
            while count <= MOST_INFLATED_BYTES and (chunk := file.read(64 << 10)):
                count += len(inflater.decompress(chunk))
        if count > MOST_INFLATED_BYTES:
            raise NodeError("too_large", "an instance would inflate to more than 1 GiB")


def push(node: Node, request: dict[str, Any]) -> dict[str, Any]:
    """Store files, in batches."""
    sent, failed = [], []
    files = [(one["uid"], Path(one["path"])) for one in request["files"]]
    batches = list(batches_of(files))
    for count, batch in enumerate(batches):
        uids = [uid for uid, _ in batch]
        try:
            stored, refused = node.send("/studies", [path for _, path in batch])
            sent += [uid for uid in uids if uid in stored]
            reasons = {uid: refused.get(uid, "it does not say that it stored this instance") for uid in uids}
            failed += [{"uid": uid, "reason": reasons[uid]} for uid in uids if uid not in stored]
        except NodeError as error:
            failed += [{"uid": uid, "reason": str(error)} for uid in uids]
        except OSError:
            failed += [{"uid": uid, "reason": "its file is gone"} for uid in uids]
        tell((count + 1) / len(batches))
    return {"sent": sent, "failed": failed}


def batches_of(files: list[tuple[str, Path]]) -> Iterator[list[tuple[str, Path]]]:
    """Group files to messages of about 32 MiB."""
    batch: list[tuple[str, Path]] = []
    size = 0
    for uid, path in files:
        length = path.stat().st_size if path.is_file() else 0
        if batch and size + length > SENT_BYTES:
            yield batch
            batch, size = [], 0
        batch.append((uid, path))
        size += length
    if batch:
        yield batch


def tell(fraction: float) -> None:
    """Report progress."""
    sys.stdout.write(f"<filter-progress>{fraction:.4f}</filter-progress>\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Do what the request says."""
    path = Path(arguments[0])
    request = json.loads(path.read_text(encoding="utf-8"))
    actions = {"search": search, "metadata": metadata, "instance": instance, "pull": pull, "push": push}
    try:
        result = actions[request["action"]](Node(request), request)
    except NodeError as error:
        result = {"error": error.kind, "words": str(error)}
    path.with_name("result.json").write_text(json.dumps(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
