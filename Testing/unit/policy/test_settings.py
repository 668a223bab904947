"""Settings come as text, from anywhere, and are never trusted."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from AgentBridgeLib.policy.capabilities import CAPABILITIES
from AgentBridgeLib.policy.settings import KEYS, RemoteNode, parse_settings, write_remote_nodes

WEB = RemoteNode("Archive", url="https://pacs.example/dicom-web")
SECURED = RemoteNode("Clinic", url="https://a/b", auth="basic", user="u", secret="s")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("text", ["", "yes please", "[", "{}", "[1]", "null", "True"])
def test_broken_value_falls_back_to_the_safe_default_and_says_so(key, text):
    """issue:#4"""
    safe, settings = parse_settings({}), parse_settings({key: text})
    assert settings == safe
    assert key in settings.complaints[0]


@given(st.dictionaries(st.sampled_from(KEYS), st.text(max_size=40)))
def test_no_text_opens_a_door_that_is_not_its_own(texts):
    """house: python.execute is only allowed by the word"""
    settings = parse_settings(texts)
    if texts.get("capabilities/python.execute") != "allow":
        assert settings.mode("python.execute") != "allow"
    assert set(settings.modes) == set(CAPABILITIES)


def test_remote_nodes_come_back_as_they_were_written():
    """issue:#4"""
    assert parse_settings({"dicom_nodes": write_remote_nodes([WEB, SECURED])}).remote_nodes == (WEB, SECURED)


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "x"},
        {"name": "", "url": "https://a"},
        {"name": "x", "url": "file:///etc/passwd"},
        {"name": "x", "url": "https://user@a"},
        {"name": "x y", "url": "https://a"},
        {"name": "x", "url": "https://a", "auth": "magic"},
        {"name": "x", "url": 5},
        {"name": "x", "url": "https://a", "password": "p"},
    ],
)
def test_remote_node_that_makes_no_sense_is_refused(entry):
    """house"""
    settings = parse_settings({"dicom_nodes": json.dumps([entry])})
    assert settings.remote_nodes == ()
    assert settings.complaints


def test_two_remote_nodes_of_one_name_are_refused():
    """house: a name must mean one server"""
    assert parse_settings({"dicom_nodes": write_remote_nodes([WEB, WEB])}).complaints
