"""Decide whether a call may run: pure functions over a settings snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from AgentBridgeLib.errors import CapabilityDisabledError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from AgentBridgeLib.policy.capabilities import Mode
    from AgentBridgeLib.policy.settings import SafetySettings


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision on one call.

    Attributes
    ----------
    decision
        ``allow``, ``ask`` the person first, or ``deny``.
    capability
        The capability that decided.
    reason
        Why, in words for the client; empty for ``allow``.
    is_guarded
        A guard asks, whatever the capability says; an approval for the session does not cover it.
    asking
        Every capability of the call that is set to ask.
    """

    decision: Literal["allow", "ask", "deny"]
    capability: str
    reason: str = ""
    is_guarded: bool = False
    asking: tuple[str, ...] = ()


_ORDER: dict[Mode, int] = {"allow": 0, "ask": 1, "deny": 2}


def decide(
    settings: SafetySettings, operation: str, capabilities: Iterable[str], *, can_ask: bool
) -> Verdict:
    """Decide on one call; the strictest of its capabilities counts.

    Parameters
    ----------
    operation
        Its name, for the reason.
    capabilities
        All that the call needs, at least one.
    can_ask
        Whether somebody can answer. Without a panel nobody can, and ``ask`` becomes ``deny``.
    """
    needed = tuple(dict.fromkeys(capabilities))
    strictest = max(needed, key=lambda name: _ORDER[settings.mode(name)])
    mode = settings.mode(strictest)
    if mode == "allow":
        return Verdict("allow", strictest)
    if mode == "ask" and can_ask:
        asking = tuple(name for name in needed if settings.mode(name) == "ask")
        reason = f"{operation} needs the approval of the person in front of Slicer."
        return Verdict("ask", strictest, reason, asking=asking)
    where = "Safety in the AgentBridge panel"
    if mode == "ask":
        return Verdict(
            "deny",
            strictest,
            f"{operation} needs approval ('{strictest}' is set to ask), and nobody can be asked here: this Slicer "
            f"runs without the panel. Whoever starts it can grant it: --grant {strictest}=allow.",
        )
    return Verdict(
        "deny",
        strictest,
        f"{operation} needs '{strictest}', which is denied. The person can change that under {where}.",
    )


def guard_patients(
    verdict: Verdict, settings: SafetySettings, operation: str, patients: int, *, can_ask: bool
) -> Verdict:
    """Turn an allowed call that combines nodes of several patients into one that is asked about.

    Parameters
    ----------
    patients
        How many different patients the nodes in its arguments belong to.
    can_ask
        Whether somebody can answer; else it is denied.
    """
    if patients < 2 or not settings.guards_patients or verdict.decision == "deny":
        return verdict
    reason = f"{operation} would combine data of {patients} different patients."
    if can_ask:
        return Verdict("ask", verdict.capability, reason, is_guarded=True)
    return Verdict(
        "deny",
        verdict.capability,
        f"{reason} Nobody can be asked here: this Slicer runs without the panel. Name nodes of one patient only.",
        is_guarded=True,
    )


def denied(verdict: Verdict) -> CapabilityDisabledError:
    """Make the error for a call that was denied."""
    return CapabilityDisabledError(verdict.reason, facts={"capability": verdict.capability})
