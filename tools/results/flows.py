"""Rows of the other call flows: agent first, previews, questions by push, pauses, customers who dial in or vanish."""

from __future__ import annotations

from dataclasses import replace

from dialer.callback.state import Phase
from dialer.lab.caller import Converse, Stay
from tools.results.act import (
    after_row,
    answer_preview,
    dial_in,
    fill_queue,
    happened,
    in_phase,
    pause_when,
    say_in,
    then,
    wait_for,
    wait_for_parties,
)
from tools.results.row import BOOKED, NOBODY, Dial, Expected, Row, Step, final, lab, refuses, retried, served
from tools.results.stage import ACCESS_NUMBERS

ALWAYS_RINGS = refuses("180 Ringing") | {"ring_timeout": 120}
AGENT_FIRST = {"first_party": "AGENT"}
ASKS = {"wait_for_agent": True, "wait_for_user_confirm": True, "user_confirm_timeout": 2, "user_confirm_attempts": 2}
INSISTS = ASKS | {"on_user_confirm_timeout": "FAIL"}
PATIENT = INSISTS | {"user_confirm_timeout": 60}
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

DESK = {"disposition": True, "disposition_timeout": 30}
PREVIEW = AGENT_FIRST | {"preview": True, "preview_timeout": 60, "preview_max_rejects": 2, "preview_reject_delay": 0}


def disposed(word: str, *events: str, **dial: object) -> Expected:
    """They talked, and the agent says what came of it: the result of the callback, not that of the dial."""
    return served(33, "PERSON", "AGENT_CONNECTED", f"disposition:{word}", "T35a", "T35", *events, verdict="human",
                  **dial)  # fmt: skip


def said_in_the_talk(code: str, **more: object) -> Step:
    """The agent says what came of the talk, then hangs up."""
    return then(say_in(Phase.TALKING, "disposition", code=code, **more), say_in(Phase.TALKING, "hangup"))


def legs(*agents: int) -> tuple[tuple[str, int], ...]:
    """The customer's leg and those of agents, in the order in which they were called."""
    return (("CustomerLeg", 33), *(("AgentLeg", result) for result in agents))


DISPOSED = (
    Row(key="wrong-party", code=40, how="the agent says in the talk: WRONG_PARTY", peer="person",
        target="WrongParty@Lab.GA", options=DESK, act=said_in_the_talk("WRONG_PARTY"),
        expected=disposed("WRONG_PARTY", "T73")),
    Row(key="wrong-number", code=53, how="the agent says after the talk: WRONG_NUMBER", peer="person",
        target="Desk@Lab.GA", options=DESK, act=say_in(Phase.DISPOSITION, "disposition", code="WRONG_NUMBER"),
        expected=disposed("WRONG_NUMBER", "T72", "T73")),
    Row(key="do-not-call", code=51, how="the agent says in the talk: DO_NOT_CALL", peer="person",
        number="+13035550198", target="DoNotCall@Lab.GA", options=DESK, act=said_in_the_talk("DO_NOT_CALL"),
        expected=disposed("DO_NOT_CALL", "T73")),
    Row(key="listed", code=51, how="the number is on the do-not-call list since the row before", peer="person",
        number="+13035550198", target="Desk@Lab.GA", before=after_row("do-not-call"),
        expected=final(51, "UNKNOWN", counted=False)),
    Row(key="snoozed", code=19, how="the agent says in the talk: SNOOZE, for 100 s", peer="person",
        target="Snoozes@Lab.GA", options=DESK, act=said_in_the_talk("SNOOZE", snooze_s=100),
        done=in_phase(Phase.SNOOZED),
        expected=replace(served(19, "UNKNOWN", None, None, "T35a", "T35", "T70", verdict="human"), state="QUEUED",
                         phase="snoozed", retry_s=100.0)),
    Row(key="preview-rejected", code=28, how="the agent rejects the preview twice, preview_max_rejects is 2",
        target="Rejects@Lab.GA", options=PREVIEW, act=answer_preview("reject", "reject"),
        expected=undialled("AGENT_PREVIEW_CANCEL_AFTER_2REJECTS", None, "T40", "T41", "T40", "T42", agent=True)),
    Row(key="preview-accepted", code=6, how="the agent accepts the preview, the customer is busy (486)",
        target="Accepts@Lab.GA", options=PREVIEW | refuses("486 Busy Here") | {"dial_attempts": 1},
        act=answer_preview("accept"),
        expected=replace(retried(6, "BUSY", sip_status=486), agent=True,
                         dials=(Dial(result=6, dial_result="BUSY", sip_status=486),),
                         events=(*BOOKED, "T40", "T43a", "T43", "T46"))),
    Row(key="transferred", code=33, legs=legs(1, 33), how="the agent sends the call on to another agent", peer="person",
        target="Sends@Lab.GA",
        act=then(say_in(Phase.TALKING, "transfer", target="Receives@Lab.GA"), wait_for(happened("T71")),
                 say_in(Phase.TALKING, "hangup")),
        expected=served(33, "PERSON", "AGENT_CONNECTED", "talked", "T35a", "T35", "T71", "T73", verdict="human")),
    Row(key="conferenced", code=33, legs=legs(2, 2), how="the agent brings another agent into the talk", peer="person",
        target="Invites@Lab.GA",
        act=then(say_in(Phase.TALKING, "conference", target="Joins@Lab.GA"), wait_for_parties(2),
                 say_in(Phase.TALKING, "hangup")),
        expected=served(33, "PERSON", "AGENT_CONNECTED", "talked", *RINGS_AND_SPEAKS, verdict="human")),
)  # fmt: skip

PUSHED = (
    Row(key="ready", code=33, how="asked by push whether now is a good time, the customer says yes", **lab(12),
        target="Desk@Lab.GA", options=PATIENT, fields=device("yes"),
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
    Row(key="declined", code=28, how="asked by push, the customer says no", options=PATIENT, fields=device("no"),
        expected=undialled("CANCELLED", "customer", "T60", "T63")),
    Row(key="later", code=28, how="asked by push, the customer says later", fields=device("later"),
        options=PATIENT | {"snooze_delay": 120}, done=in_phase(Phase.SNOOZED),
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

AWAITED = {"call_direction": "USERORIGINATED", "booking_timeout": 60}
DIALS_IN = (
    Row(key="dials-in-never", code=28, how="the customer does not dial in before the access number expires",
        options={"call_direction": "USERORIGINATED", "resource_group": "front", "booking_timeout": 5},
        expected=undialled("FAIL_CALL_TO_CUSTOMER", "booking_expired", "T50", "T54")),
    Row(key="dials-in", code=33, how="the customer dials the access number, an agent joins, they talk",
        target="Desk@Lab.GA", options=AWAITED | {"resource_group": "own"},
        act=dial_in(ACCESS_NUMBERS["own"], Converse(20), Stay(20)),
        expected=replace(served(33, "USERORIGINATED_CONNECTED", "AGENT_CONNECTED", "talked", verdict="off"),
                         events=(*BOOKED, "T50", "T52", *RINGS_AND_SPEAKS))),
    Row(key="dials-in-leaves", code=21, how="the customer dials in and hangs up before an agent is there", peer="lab",
        target="Nobody@Lab.GA", options=AWAITED | {"resource_group": "other"},
        act=dial_in(ACCESS_NUMBERS["other"], Stay(4)),
        expected=replace(served(21, "USERORIGINATED_CONNECTED", "FAIL_INTERACTION_DELETED", "customer_hangup",
                                agent=False, verdict="off", q850=16), events=(*BOOKED, "T50", "T52", "T38"))),
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


def not_admitted(reason: str, detail: str | None, event: str) -> Expected:
    """The session never began."""
    return Expected(reason=reason, detail=detail, dials=(), events=("T01", event))


REFUSED = (
    Row(key="no-number", code=28, how="no number is given, and mandatory_lookup_keys asks for none",
        fields={"name": "B"}, number=NOBODY, options={"mandatory_lookup_keys": []},
        expected=not_admitted("FAIL_NO_CUSTOMER_NUMBER", None, "T87")),
    Row(key="no-strings", code=28, how="the service's strings_file is not there",
        options={"strings_file": "not-there.json"},
        expected=not_admitted("FAIL_LOAD_MESSAGE_FILE", "not-there.json", "T87")),
    Row(key="chat", code=28, how="media_type is chat, and there is no adapter for it", options={"media_type": "chat"},
        expected=not_admitted("FAIL_IXN_UNKNOWN_MEDIA_TYPE", "chat", "T87")),
    Row(key="telegraph", code=28, how="a record is imported whose media_type is neither voice nor chat",
        imported={"props": {"media_type": "telegraph"}},
        expected=not_admitted("FAIL_INCORRECT_CONFIG_MEDIA_TYPE", "telegraph", "T87")),
    Row(key="unknown-queue", code=28, how="a record is imported for a service that is not configured",
        imported={"service": "nowhere"}, expected=not_admitted("FAIL_QUEUEING", "unknown_queue", "T07")),
    Row(key="disabled", code=28, how="a record is imported for a service that is not enabled", imported={},
        options={"enabled": False}, expected=not_admitted("FAIL_QUEUEING", "disabled", "T07")),
    Row(key="full", code=18, how="a record is imported for a service whose queue holds max_open callbacks", imported={},
        target="Nobody@Lab.GA", options={"max_open": 1}, before=fill_queue("full"),
        expected=not_admitted("FAIL_QUEUEING", "full", "T07")),
)  # fmt: skip

FLOWS = (*REFUSED, *FIRST, *DISPOSED, *PUSHED, *PAUSED, *DIALS_IN, *LOST)
