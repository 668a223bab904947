"""Settings come as text, from anywhere, and are never trusted."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from AgentBridgeLib.policy.capabilities import CAPABILITIES
from AgentBridgeLib.policy.dicom_network import (
    ListenerPermission,
    RemoteNode,
    write_listener,
    write_remote_nodes,
)
from AgentBridgeLib.policy.settings import KEYS, MODE_PREFIX, SafetySettings, parse_settings

WEB = RemoteNode("Archive", url="https://pacs.example/dicom-web")
SECURED = RemoteNode("Clinic", url="https://a/b", auth="basic", user="u", secret="s")
FOLDERS = ("/data",)
MEMBERS = {
    "allowed_folders": "allowed_folders",
    "patient_identifiers": "identifiers",
    "allowed_origins": "allowed_origins",
    "guard_web_server": "guards_web_server",
    "answer_on_web_server": "answers_on_web_server",
    "token_in_query": "takes_token_from_query",
    "guard_patients": "guards_patients",
    "dicom_nodes": "remote_nodes",
    "download_servers": "download_servers",
    "dicom_listener": "dicom_listener",
    "mcp/toolsets": "toolsets",
    "mcp/approve_by_form": "approves_by_form",
    "start_with_slicer": "starts_with_slicer",
}
SAFE = {
    "allowed_folders": (),
    "patient_identifiers": "hide",
    "allowed_origins": (),
    "guard_web_server": True,
    "answer_on_web_server": False,
    "token_in_query": False,
    "guard_patients": True,
    "dicom_nodes": (),
    "download_servers": (),
    "dicom_listener": None,
    "mcp/toolsets": (),
    "mcp/approve_by_form": False,
    "start_with_slicer": False,
} | {MODE_PREFIX + name: "deny" if name == "python.execute" else "ask" for name in CAPABILITIES}
"""What each setting counts as when it cannot be read: nothing is open that its owner may have closed."""

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
NEARLY_A_NODE = st.fixed_dictionaries(
    {"name": st.just("a") | JUNK, "url": st.just("https://a") | JUNK},
    optional=dict.fromkeys(("auth", "user", "secret", "timeout_s", "port"), JUNK),
)
GARBAGE = (
    st.text(max_size=40)
    | JUNK.map(json.dumps)
    | st.lists(NEARLY_A_NODE, max_size=2).map(json.dumps)
    | st.fixed_dictionaries({"port": JUNK}).map(json.dumps)
    | st.sampled_from(
        ["[" * 100_000, "9" * 5000, "[1e999]", '{"port": NaN}', "\ud800", '["\\ud800"]', '["/a\\u0000"]']
    )
)


def value_of(settings, key):
    if key.startswith(MODE_PREFIX):
        return settings.mode(key.removeprefix(MODE_PREFIX))
    return getattr(settings, MEMBERS[key])


def has_its_type(value, key):
    """Whether a value is one that the rest of the bridge can work with, whatever it was read from."""
    if key.startswith(MODE_PREFIX):
        return value in {"allow", "ask", "deny"}
    if key == "dicom_listener":
        return value is None or value.port is None or 1 <= value.port <= 65535
    if key == "dicom_nodes":
        texts = [text for node in value for text in (node.name, node.url, node.auth, node.user, node.secret)]
        return all(isinstance(text, str) and text.encode() is not None for text in texts) and all(
            isinstance(node.timeout_s, float) and 0.1 <= node.timeout_s <= 600 for node in value
        )
    if isinstance(SAFE[key], bool):
        return isinstance(value, bool)
    if key == "patient_identifiers":
        return value in {"hide", "pseudonymize", "show"}
    return isinstance(value, tuple) and all(isinstance(entry, str) and entry.encode() for entry in value)


def test_every_setting_is_in_this_test():
    """house: a new setting says what it counts as when it cannot be read"""
    assert set(SAFE) == set(KEYS)
    assert set(MEMBERS.values()) | {"modes", "complaints"} == {one.name for one in fields(SafetySettings)}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "text", ["", "yes please", "[", "{}x", "[1]", "null", "True", "DENY", "0", "[[]]", '{"port": "1"}']
)
def test_broken_value_counts_as_the_safe_one_and_says_so(key, text):
    """issue:#4"""
    settings = parse_settings({key: text}, FOLDERS)
    assert value_of(settings, key) == SAFE[key]
    assert f"AgentBridge/{key} is unreadable" in settings.complaints[0]


@given(st.sampled_from(KEYS), GARBAGE)
def test_whatever_stands_in_a_setting_it_is_usable_or_counts_as_the_safe_value(key, text):
    """issue:#4: hand-edited values of any kind"""
    settings, untouched = parse_settings({key: text}, FOLDERS), parse_settings({}, FOLDERS)
    value = value_of(settings, key)
    assert has_its_type(value, key)
    if settings.complaints:
        assert value == SAFE[key]
        assert key in settings.complaints[0]
    for other in set(KEYS) - {key}:
        assert value_of(settings, other) == value_of(untouched, other)


@given(st.dictionaries(st.sampled_from(KEYS), GARBAGE))
def test_no_text_opens_a_door_that_is_not_its_own(texts):
    """house: python.execute is only allowed by the word"""
    settings = parse_settings(texts)
    if texts.get("capabilities/python.execute") != "allow":
        assert settings.mode("python.execute") != "allow"
    assert set(settings.modes) == set(CAPABILITIES)


def test_remote_nodes_come_back_as_they_were_written():
    """issue:#4"""
    assert parse_settings({"dicom_nodes": write_remote_nodes([WEB, SECURED])}).remote_nodes == (WEB, SECURED)


@pytest.mark.parametrize("port", [None, 1, 11112, 65535])
def test_permission_to_listen_comes_back_as_it_was_written(port):
    """issue:#6"""
    permission = ListenerPermission(port)
    assert parse_settings({"dicom_listener": write_listener(permission)}).dicom_listener == permission


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "11112",
        "[]",
        '{"port": 0}',
        '{"port": 65536}',
        '{"port": true}',
        '{"port": 104.0}',
        '{"host": "::"}',
    ],
)
def test_permission_to_listen_that_makes_no_sense_is_none(text):
    """issue:#6: nothing listens by mistake"""
    settings = parse_settings({"dicom_listener": text})
    assert settings.dicom_listener is None
    assert "dicom_listener" in settings.complaints[0]


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "x"},
        {"name": "", "url": "https://a"},
        {"name": "local", "url": "https://a"},
        {"name": "x", "url": "file:///etc/passwd"},
        {"name": "x", "url": "https://user@a"},
        {"name": "x y", "url": "https://a"},
        {"name": "x", "url": "https://a", "auth": "magic"},
        {"name": "x", "url": 5},
        {"name": "x", "url": "https://a", "password": "p"},
        {"name": "x", "url": "https://a", "auth": "bearer", "secret": "two\nlines"},
        *(
            {"name": "x", "url": "https://a", "timeout_s": wait}
            for wait in ("30", True, None, [], 0, -1, 601)
        ),
        *({"name": "x", "url": "https://a", "timeout_s": float(wait)} for wait in ("nan", "inf", "-inf")),
    ],
)
def test_remote_node_that_makes_no_sense_is_refused(entry):
    """issue:#4: types and ranges"""
    settings = parse_settings({"dicom_nodes": json.dumps([entry])})
    assert settings.remote_nodes == ()
    assert settings.complaints


def test_complaint_says_what_is_wrong_and_no_secret():
    """issue:#4: the person corrects the file with it; it is shown in the panel and may be in a screenshot"""
    entry = {
        "name": "x",
        "url": "https://a",
        "auth": "basic",
        "user": "u",
        "secret": "S3CRET",
        "timeout_s": "soon",
    }
    (complaint,) = parse_settings({"dicom_nodes": json.dumps([entry])}).complaints
    assert "timeout_s must be a number from 0.1 to 600" in complaint
    assert "S3CRET" not in complaint


def test_two_remote_nodes_of_one_name_are_refused():
    """house: a name must mean one server"""
    assert parse_settings({"dicom_nodes": write_remote_nodes([WEB, WEB])}).complaints


@pytest.mark.parametrize("folder", ["", ".", "Documents", "~/Documents", "../x"])
def test_relative_folder_is_refused(folder):
    """house: it would mean wherever Slicer was started"""
    settings = parse_settings({"allowed_folders": json.dumps(["/data", folder])}, FOLDERS)
    assert settings.allowed_folders == ()


@pytest.mark.parametrize(
    "origin", ["null", "*", "https://*", "file://", "https://a/b", "javascript:alert(1)"]
)
def test_web_pages_are_named_one_by_one(origin):
    """house"""
    settings = parse_settings({"allowed_origins": json.dumps([origin])})
    assert settings.allowed_origins == ()
    assert settings.complaints
    assert parse_settings({"allowed_origins": '["HTTPS://A.example:443/"]'}).allowed_origins == (
        "https://a.example",
    )
