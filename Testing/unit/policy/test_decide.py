"""Capabilities, presets and the decision on a call."""

from __future__ import annotations

import pytest

from AgentBridgeLib.policy.capabilities import CAPABILITIES, MODES, PRESETS
from AgentBridgeLib.policy.decide import decide
from AgentBridgeLib.policy.settings import KEYS, parse_grant, parse_settings


def settings_with(**modes):
    texts = {f"capabilities/{name.replace('__', '.')}": mode for name, mode in modes.items()}
    return parse_settings(texts)


def test_python_is_denied_unless_the_person_says_otherwise():
    """http: section 4"""
    verdict = decide(parse_settings({}), "python.execute", ["python.execute"], can_ask=True)
    assert verdict.decision == "deny"
    assert "panel" in verdict.reason


def test_ask_without_anybody_to_ask_means_deny_and_names_the_grant():
    """http: section 4, headless"""
    verdict = decide(parse_settings({}), "scene.clear", ["scene.delete"], can_ask=False)
    assert verdict.decision == "deny"
    assert "--grant scene.delete=allow" in verdict.reason


def test_ask_with_a_panel_asks():
    """http: section 4"""
    assert decide(parse_settings({}), "scene.clear", ["scene.delete"], can_ask=True).decision == "ask"


def test_strictest_capability_of_a_call_counts():
    """house"""
    verdict = decide(settings_with(network="deny"), "files.load", ["files.read", "network"], can_ask=True)
    assert (verdict.decision, verdict.capability) == ("deny", "network")


def test_grant_of_the_command_line_wins_over_the_stored_mode():
    """http: section 4"""
    settings = parse_settings({"capabilities/scene.delete": "deny"}, grants={"scene.delete": "allow"})
    assert decide(settings, "scene.clear", ["scene.delete"], can_ask=False).decision == "allow"


@pytest.mark.parametrize("text", ["", "yes", "ALLOW", "allow ", "1", "\x00", "[]"])
def test_unreadable_mode_counts_as_the_safe_one_and_says_so(text):
    """issue:#2: a hand-edited value never opens a door"""
    settings = parse_settings({"capabilities/python.execute": text})
    assert settings.mode("python.execute") == "deny"
    assert "capabilities/python.execute" in settings.complaints[0]


@pytest.mark.parametrize("text", ["", "nonsense", "{}", "[1]", "null", '"a"'])
def test_unreadable_folders_allow_nothing(text):
    """issue:#2: they may have been narrower than the default"""
    settings = parse_settings({"allowed_folders": text}, default_folders=("/data",))
    assert settings.allowed_folders == ()
    assert settings.complaints


def test_unknown_capability_is_denied():
    """house"""
    assert parse_settings({}).mode("no.such") == "deny"


def test_guard_of_the_web_server_is_on_unless_switched_off_in_writing():
    """http: section 4"""
    assert parse_settings({"guard_web_server": "0"}).guards_web_server
    assert not parse_settings({"guard_web_server": "false"}).guards_web_server


def test_every_capability_has_a_key_a_default_and_a_sentence():
    """house: nothing is listed twice"""
    for name, row in CAPABILITIES.items():
        assert f"capabilities/{name}" in KEYS
        assert row.default in MODES
        assert row.sentence.endswith(".")


def test_presets_are_complete_and_only_developer_can_reach_python():
    """http: section 4"""
    for name, modes in PRESETS.items():
        assert set(modes) == set(CAPABILITIES)
        assert modes["python.execute"] == ("ask" if name == "developer" else "deny")


@pytest.mark.parametrize("text", ["scene.delete", "scene.delete=yes", "nothing=allow", "=allow", ""])
def test_grant_that_makes_no_sense_is_refused_with_what_there_is(text):
    """issue:#2"""
    with pytest.raises(ValueError, match="there are"):
        parse_grant(text)


def test_grant_is_read():
    """issue:#2"""
    assert parse_grant("scene.delete=allow") == ("scene.delete", "allow")
