"""Capabilities, presets and the decision on a call."""

from __future__ import annotations

import itertools

import pytest

from AgentBridgeLib.policy.capabilities import CAPABILITIES, MODES, PRESETS
from AgentBridgeLib.policy.decide import Verdict, decide, guard_patients
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


NEEDED = ("scene.edit", "files.read", "network")


@pytest.mark.parametrize("modes", list(itertools.product(["allow", "ask", "deny"], repeat=3)))
@pytest.mark.parametrize("can_ask", [True, False])
def test_call_runs_only_if_all_that_it_needs_is_allowed(modes, can_ask):
    """http: section 4, whatever the order of the capabilities"""
    given = dict(zip(NEEDED, modes, strict=True))
    settings = settings_with(**{name.replace(".", "__"): mode for name, mode in given.items()})
    verdict = decide(settings, "files.load", NEEDED, can_ask=can_ask)
    if "deny" in modes:
        wanted = "deny"
    elif "ask" in modes:
        wanted = "ask" if can_ask else "deny"
    else:
        wanted = "allow"
    assert verdict.decision == wanted
    assert given[verdict.capability] == max(modes, key=["allow", "ask", "deny"].index)
    assert not verdict.is_guarded
    asking = tuple(name for name, mode in given.items() if mode == "ask")
    assert verdict.asking == (asking if wanted == "ask" else ())


def guarded(decision, patients, *, can_ask=True, guard="true"):
    before = Verdict(decision, "scene.edit", "Before.")
    settings = parse_settings({"guard_patients": guard})
    return before, guard_patients(before, settings, "volumes.math", patients, can_ask=can_ask)


@pytest.mark.parametrize("decision", ["allow", "ask"])
def test_call_on_nodes_of_two_patients_is_asked_about(decision):
    """http: section 4, wrong-patient guard"""
    _, verdict = guarded(decision, 2)
    assert (verdict.decision, verdict.capability, verdict.is_guarded) == ("ask", "scene.edit", True)
    assert "2 different patients" in verdict.reason


@pytest.mark.parametrize("decision", ["allow", "ask"])
def test_call_on_nodes_of_two_patients_is_denied_where_nobody_can_be_asked(decision):
    """http: section 4, headless"""
    _, verdict = guarded(decision, 2, can_ask=False)
    assert (verdict.decision, verdict.is_guarded) == ("deny", True)


@pytest.mark.parametrize("can_ask", [True, False])
@pytest.mark.parametrize(
    ("decision", "patients", "guard"),
    [
        ("allow", 1, "true"),
        ("ask", 0, "true"),
        ("deny", 2, "true"),
        ("allow", 2, "false"),
        ("ask", 3, "false"),
    ],
)
def test_guard_leaves_other_decisions_as_they_are(decision, patients, guard, can_ask):
    """house: one patient, a denied call, or a guard that the person switched off"""
    before, after = guarded(decision, patients, can_ask=can_ask, guard=guard)
    assert after is before


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
