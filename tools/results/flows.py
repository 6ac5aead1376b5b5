"""Rows of the other call flows: agent first, previews, questions by push, pauses, customers who dial in or vanish."""

from __future__ import annotations

from dataclasses import replace

from dialer.callback.state import Phase
from tools.results.act import happened, in_phase, pause_when
from tools.results.row import BOOKED, Dial, Expected, Row, lab, refuses, retried, served

ALWAYS_RINGS = refuses("180 Ringing") | {"ring_timeout": 120}
AGENT_FIRST = {"first_party": "AGENT"}
ASKS = {"wait_for_agent": True, "wait_for_user_confirm": True, "user_confirm_timeout": 2, "user_confirm_attempts": 2}
INSISTS = ASKS | {"on_user_confirm_timeout": "FAIL"}
RINGS_AND_SPEAKS = ("T35a", "T35", "T73")


def device(answer: str) -> dict[str, str]:
    """What the request says of the customer's device."""
    return {"_device_notification_id": answer, "_device_os": "gcm"}


def undialled(reason: str | None, detail: str | None, *events: str, **place: object) -> Expected:
    """Nobody was dialled."""
    return Expected(reason=reason, detail=detail, dials=(), events=(*BOOKED, *events), **place)  # type: ignore[arg-type]


FIRST = (
    Row(key="agent-first", code=33, how="agent first: the agent is on the line, then the customer is called; they talk",
        **lab(9), target="AgentFirst@Lab.GA", options=AGENT_FIRST,
        expected=replace(served(33, "PERSON", "AGENT_CONNECTED", "talked", verdict="human", q850=16),
                         events=(*BOOKED, "T40", "T43", "T44", "T73"))),
    Row(key="agent-first-busy", code=6, how="agent first, the customer is busy (486): again for the next agent",
        target="FirstBusy@Lab.GA", options=AGENT_FIRST | refuses("486 Busy Here"),
        expected=replace(retried(6, "BUSY", sip_status=486), agent=True,
                         events=(*BOOKED, "T40", "T43", "T45", "T33", "T40", "T43", "T46"))),
    Row(key="agent-first-rings", code=7, how="agent first, the customer's telephone rings until ring_timeout",
        peer="waits", target="FirstRings@Lab.GA",
        options=AGENT_FIRST | refuses("180 Ringing") | {"ring_timeout": 2, "dial_attempts": 1},
        expected=replace(retried(7, "NO_ANSWER", sip_status=487), agent=True,
                         dials=(Dial(result=7, dial_result="NO_ANSWER", sip_status=487),),
                         events=(*BOOKED, "T40", "T43", "T46"))),
    Row(key="agent-first-refused", code=45, how="agent first, two agents' telephones refuse", peer="lab",
        target="FirstRefused@Lab.GA", options=AGENT_FIRST | {"max_transfer_attempts": 2},
        expected=undialled("FAIL_AGENT_CONNECT", ".+", "T40", "T47", "T40", "T47", agent=True)),
    Row(key="preview-silent", code=28, how="the agent says nothing to a preview until preview_timeout", peer="lab",
        target="Previews@Lab.GA", options=AGENT_FIRST | {"preview": True, "preview_timeout": 2},
        done=happened("T41"),
        expected=undialled(None, None, "T40", "T41", state="QUEUED", phase="waiting", agent=True)),
    Row(key="agent-rings-out", code=33, how="the first agent's telephone rings until agent_reserve_timeout",
        **lab(13), target="RingsOut@Lab.GA", options={"agent_reserve_timeout": 2},
        expected=served(33, "PERSON", "AGENT_CONNECTED", "talked", "T35a", "T36", *RINGS_AND_SPEAKS,
                        verdict="human")),
    Row(key="wrapped-up", code=33, how="the agent gives no disposition within disposition_timeout", **lab(14),
        target="Desk@Lab.GA", options={"disposition": True, "disposition_timeout": 2},
        expected=replace(served(33, "PERSON", "AGENT_CONNECTED", "disposition:OK", "T35a", "T35", "T72", "T73",
                                verdict="human"))),
)  # fmt: skip

PUSHED = (
    Row(key="ready", code=33, how="asked by push whether now is a good time, the customer says yes", **lab(12),
        target="Desk@Lab.GA", options=INSISTS, fields=device("yes"),
        expected=replace(served(33, "PERSON", "AGENT_CONNECTED", "talked", verdict="human"),
                         events=(*BOOKED, "T60", "T61", "T31", *RINGS_AND_SPEAKS))),
    Row(key="connect-anyway", code=6, how="asked by push, the customer is silent, CONNECT-ANYWAY; busy (486)",
        options=ASKS | refuses("486 Busy Here") | {"dial_attempts": 1}, fields=device("silent"),
        expected=replace(retried(6, "BUSY", sip_status=486),
                         dials=(Dial(result=6, dial_result="BUSY", sip_status=486),),
                         events=(*BOOKED, "T60", "T61", "T34"))),
    Row(key="no-confirmation", code=28, how="asked by push twice, the customer is silent twice", options=INSISTS,
        fields=device("silent"),
        expected=undialled("FAIL_USER_NO_CONFIRM", "attempts:2", "T60", "T62", "T60", "T62")),
    Row(key="declined", code=28, how="asked by push, the customer says no", options=INSISTS, fields=device("no"),
        expected=undialled("CANCELLED", "customer", "T60", "T63")),
    Row(key="later", code=28, how="asked by push, the customer says later", fields=device("later"),
        options=INSISTS | {"snooze_delay": 120}, done=in_phase(Phase.SNOOZED),
        expected=undialled(None, None, "T60", "T70", state="QUEUED", phase="snoozed", retry_s=120.0)),
    Row(key="no-device", code=28, how="the push provider does not know the customer's device (404)", options=INSISTS,
        fields=device("unknown"), expected=undialled("FAIL_CALL_TO_CUSTOMER", "push", "T60", "T62", "T51")),
)  # fmt: skip

PAUSED = (
    Row(key="paused", code=28, how="an operator pauses the service while the callback waits for an agent", peer="lab",
        target="Nobody@Lab.GA", act=pause_when(in_phase(Phase.WAITING)), done=lambda seen: seen.state == "PAUSED",
        expected=undialled(None, None, "T20", state="PAUSED")),
    Row(key="paused-abort", code=27, how="an operator pauses the service with abort_dials while it rings", peer="waits",
        options=ALWAYS_RINGS, act=pause_when(in_phase(Phase.DIALING), abort_dials=True),
        done=lambda seen: seen.state == "PAUSED",
        expected=Expected(reason=None, detail=None, state="PAUSED", retry_s=0.0, events=(*BOOKED, "T30", "T21"),
                          dials=(Dial(result=27, dial_result="UNKNOWN", counted=False, sip_status=487),))),
)  # fmt: skip

DIALS_IN = (
    Row(key="dials-in-never", code=28, how="the customer does not dial in before the access number expires",
        options={"call_direction": "USERORIGINATED", "resource_group": "front", "booking_timeout": 5},
        expected=undialled("FAIL_CALL_TO_CUSTOMER", "booking_expired", "T50", "T54")),
)  # fmt: skip


LOST = (
    Row(key="vanishes-waiting", code=42, how="the customer waits for an agent and vanishes: no RTP for 30 s, no BYE",
        peer="vanishes", target="Nobody@Lab.GA", options={"max_queue_wait": 1},
        expected=replace(served(42, "UNKNOWN", "FAIL_INTERACTION_DELETED", "customer_hangup", "T38", verdict="human",
                                agent=False))),
    Row(key="vanishes-talking", code=33, how="the customer vanishes while they talk: no RTP for 30 s, no BYE",
        peer="vanishes", target="Endless@Lab.GA",
        expected=served(33, "PERSON", "AGENT_CONNECTED", "talked", *RINGS_AND_SPEAKS, verdict="human")),
)  # fmt: skip

FLOWS = (*FIRST, *PUSHED, *PAUSED, *DIALS_IN, *LOST)
