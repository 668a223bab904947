"""UIDs get pseudonyms that say nothing, are always the same, and lead back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from AgentBridgeLib.policy.identifiers import Redactor
from AgentBridgeLib.policy.uid_pseudonyms import UidPseudonyms

ROOTS = some.sampled_from(["1.2.826.0.1.3680043.8.498.", "1.3.12.2.1107.5.2.", "2.16.124.113543."])
UIDS = some.builds(lambda root, number: f"{root}{number}", ROOTS, some.integers(1, 10**30))


@given(some.lists(UIDS, min_size=1, max_size=5), some.sampled_from([",", "\\\\", " ", "/", '"']))
def test_texts_lead_back_to_what_they_were(uids, joint):
    """issue:#6: follow-up calls work"""
    pseudonyms = UidPseudonyms(b"key")
    text = joint.join(uids)
    covered = pseudonyms.cover(text)
    assert not any(uid in covered for uid in uids)
    assert pseudonyms.reveal({"where": [covered]}) == {"where": [text]}
    assert pseudonyms.cover(covered) == covered
    assert UidPseudonyms(b"key").cover(text) == covered
    assert UidPseudonyms(b"another").cover(text) != covered


@given(UIDS)
def test_pseudonym_is_a_valid_uid(uid):
    """dicom: PS3.5, B.2: root 2.25, no leading zero, at most 64 characters"""
    made = UidPseudonyms(b"key").cover(uid)
    assert re.fullmatch(r"2\.25\.(0|[1-9]\d*)", made)
    assert len(made) <= 64


@pytest.mark.parametrize(
    "text",
    [
        "1.2.840.10008.5.1.4.1.1.2",
        "2.16.840.1.113883.6.96",
        "5.13.31053.0",
        "127.0.0.1:2016",
        "1.2.3",
        "version 1.2.3.4",
        "[0.5703125, 0.25]",
        "2.25.1234567890123456789",
        "im1.2.826.0.1.3680043.8.498.77",
    ],
)
def test_what_names_no_data_stays_or_is_covered_as_a_whole(text):
    """house: classes, coding schemes, versions and addresses are no identifiers"""
    covered = UidPseudonyms(b"key").cover(text)
    assert covered == text or text.startswith(("2.25.", "im"))


def test_foreign_pseudonym_leads_nowhere():
    """house: nobody learns a UID by guessing"""
    assert UidPseudonyms(b"key").reveal("2.25.42") == "2.25.42"


def test_redactor_uses_one_pseudonym_for_a_uid_of_the_scene_wherever_it_stands():
    """issue:#6: consistently"""
    uid = "1.2.826.0.1.3680043.8.498.77349211"
    pseudonyms = UidPseudonyms(b"key")
    redactor = Redactor(
        "pseudonymize", {uid: "SeriesInstanceUID", "DOE^JANE": "PatientName"}, b"key", pseudonyms
    )
    covered = redactor.apply(
        {"DICOM.instanceUIDs": f"{uid}.1 {uid}.2", "SeriesInstanceUID": uid, "name": "JANE DOE"}
    )
    assert covered["SeriesInstanceUID"] == pseudonyms.cover(uid) == redactor.with_handles().text(uid)
    assert uid not in str(covered)
    assert "JANE" not in str(covered)
