"""The table: every result and every reason that can be provoked, row by row.

Numbers are reserved for fiction: the lab's people have 202 555 0100 to 0199, all others 303 or 404 555 0100 to 0199.
"""

from __future__ import annotations

from dataclasses import replace

from dialer.callback.state import Phase
from tools.results.act import (
    cancel_by_admin_when,
    cancel_when,
    dialing,
    in_phase,
    second,
    take_only_channel,
    wait_for,
)
from tools.results.codes import CAUSE_ROWS, STATUS_ROWS
from tools.results.flows import FLOWS
from tools.results.row import BOOKED, Dial, Expected, Row, final, lab, refuses, retried, served

MACHINE = frozenset({"machine", "machine_beep"})


SIGNALLING = (
    Row(key="not-acceptable", code=3, how="the far end refuses with 488", options=refuses("488 Not Acceptable Here"),
        expected=retried(3, "CREATE_CALL_ERROR", sip_status=488)),
    Row(key="server-error", code=4, how="the far end fails with 500", options=refuses("500 Server Internal Error"),
        expected=retried(4, "CREATE_CALL_ERROR", sip_status=500)),
    Row(key="declines", code=5, how="the customer declines: 603", options=refuses("603 Decline"),
        expected=retried(5, "UNKNOWN", sip_status=603)),
    Row(key="drops", code=5, how="the customer answers and hangs up before anything is said", **lab(58),
        expected=retried(5, "UNKNOWN", sip_status=200, q850=16, answered=True)),
    Row(key="busy", code=6, how="the customer is busy: 486", options=refuses("486 Busy Here"),
        expected=retried(6, "BUSY", sip_status=486)),
    Row(key="unavailable", code=7, how="the customer cannot be reached: 480",
        options=refuses("480 Temporarily Unavailable"), expected=retried(7, "NO_ANSWER", sip_status=480)),
    Row(key="rings", code=7, how="rings (180) until ring_timeout ends it", peer="waits",
        options=refuses("180 Ringing") | {"ring_timeout": 3},
        expected=retried(7, "NO_ANSWER", sip_status=487)),
    Row(key="congested", code=10, how="the network is overloaded: 503 with Retry-After",
        options=refuses("503 Service Unavailable", "Retry-After: 5"),
        expected=retried(10, "ERROR_TONE", sip_status=503)),
    Row(key="incomplete", code=11, how="the number is incomplete: 484", options=refuses("484 Address Incomplete"),
        expected=final(11, "ERROR_TONE", sip_status=484)),
    Row(key="not-found", code=12, how="the number does not exist: 404", options=refuses("404 Not Found"),
        expected=final(12, "ERROR_TONE", sip_status=404)),
    Row(key="gone", code=13, how="the number has changed: 410", options=refuses("410 Gone"),
        expected=final(13, "ERROR_TONE", sip_status=410)),
    Row(key="cause-4", code=14, how="special information tone as a cause: 500 with Q.850 4",
        options=refuses("500 Server Internal Error", "Reason: Q.850;cause=4"),
        expected=retried(14, "ERROR_TONE", sip_status=500, q850=4)),
    Row(key="no-circuit", code=15, how="there is no circuit: 503", options=refuses("503 Service Unavailable"),
        expected=retried(15, "ERROR_TONE", sip_status=503)),
    Row(key="reorder", code=16, how="the far gateway times out: 504", options=refuses("504 Server Time-out"),
        expected=retried(16, "ERROR_TONE", sip_status=504)),
    Row(key="redirected", code=22, how="redirected (302) without an address", options=refuses("302 Moved Temporarily"),
        expected=retried(22, "UNKNOWN", sip_status=302)),
    Row(key="forwarded", code=23, how="forwarded (183 with Diversion) while reject_forwarded is on", **lab(60),
        options={"reject_forwarded": True}, expected=retried(23, "UNKNOWN", sip_status=487)),
    Row(key="no-progress", code=36, how="nothing but 100 until setup_timeout ends it", peer="waits",
        options=refuses("100 Trying") | {"setup_timeout": 3},
        expected=retried(36, "NO_ANSWER", sip_status=487)),
    Row(key="no-ringing", code=37, how="183 without ringing until ring_timeout ends it", peer="waits",
        options=refuses("183 Session Progress") | {"ring_timeout": 3},
        expected=retried(37, "NO_ANSWER", sip_status=487)),
    Row(key="one-way", code=38, how="answers and sends no audio", **lab(25), options={"media_timeout": 3},
        expected=retried(38, "CREATE_CALL_ERROR", sip_status=200, verdict="no_media", answered=True)),
    Row(key="no-gateway", code=41, how="nobody listens at the gateway's address (TCP refused)", peer="nobody",
        expected=retried(41, "CREATE_CALL_ERROR", sip_status=503)),
    Row(key="switch-error", code=43, how="the exchange is out of order: 502 with Q.850 38",
        options=refuses("502 Bad Gateway", "Reason: Q.850;cause=38"),
        expected=retried(43, "CREATE_CALL_ERROR", sip_status=502, q850=38)),
    Row(key="unwanted", code=51, how="the customer does not want calls: 607", options=refuses("607 Unwanted"),
        expected=final(51, "UNKNOWN", sip_status=607, counted=False)),
)  # fmt: skip

MEDIA = (
    Row(key="busy-tone", code=6, how="busy tone on an answered call", **lab(41),
        expected=retried(6, "BUSY", sip_status=200, verdict="busy", answered=True)),
    Row(key="sit-uncoded", code=8, how="uncoded information tone (ITU) before the answer", **lab(39),
        expected=retried(8, "ERROR_TONE", sip_status=487, verdict="sit")),
    Row(key="machine", code=9, how="a voicemail greets", **lab(20),
        expected=retried(9, "ANSWERING_MACHINE", sip_status=200, verdict=MACHINE, answered=True)),
    Row(key="congestion-tone", code=10, how="congestion tone before the answer", **lab(42),
        expected=retried(10, "ERROR_TONE", sip_status=487, verdict="congestion")),
    Row(key="sit-vacant", code=12, how="information tone: vacant code", **lab(31),
        expected=final(12, "ERROR_TONE", sip_status=200, verdict="sit_vacant", answered=True)),
    Row(key="sit-intercept", code=13, how="information tone before the answer: intercepted", **lab(32),
        expected=final(13, "ERROR_TONE", sip_status=487, verdict="sit_intercept")),
    Row(key="sit-other", code=14, how="information tone that fits no row: ineffective other", **lab(37),
        expected=retried(14, "ERROR_TONE", sip_status=200, verdict="sit_other", answered=True)),
    Row(key="sit-no-circuit", code=15, how="information tone: no circuit", **lab(35),
        expected=retried(15, "ERROR_TONE", sip_status=200, verdict="sit_no_circuit", answered=True)),
    Row(key="sit-reorder", code=16, how="information tone: reorder", **lab(34),
        expected=retried(16, "ERROR_TONE", sip_status=200, verdict="sit_reorder", answered=True)),
    Row(key="fax", code=17, how="a fax answers", **lab(23),
        expected=final(17, "FAX", "FAIL_FAX_REACHED", None, sip_status=200, verdict="fax", answered=True)),
    Row(key="undecided", code=28, how="undecided at detect_time_limit_ms while undecided_as is unknown", **lab(2),
        options={"detect_time_limit_ms": 300, "undecided_as": "unknown"},
        expected=retried(28, "UNKNOWN", sip_status=200, verdict="undecided", answered=True)),
    Row(key="silence", code=32, how="answers and says nothing", **lab(24),
        expected=retried(32, "UNKNOWN", sip_status=200, verdict="silence", answered=True)),
    Row(key="unobtainable", code=34, how="number unobtainable tone (400 Hz, British number)", peer="unobtainable",
        number="+442079460101",
        expected=final(34, "ERROR_TONE", sip_status=200, verdict="nu_tone", answered=True)),
    Row(key="pager", code=39, how="two short beeps, then silence", peer="pager",
        expected=final(39, "ERROR_TONE", sip_status=200, verdict="pager", answered=True)),
)  # fmt: skip

TALK = ("T35a", "T35", "T73")

AGENTS = (
    Row(key="talk", code=33, how="a person says hello, an agent joins, they talk, the agent hangs up", **lab(0),
        target="Desk@Lab.GA", expected=served(33, "PERSON", "AGENT_CONNECTED", "talked", *TALK, verdict="human")),
    Row(key="blind", code=33, how="answered while detect is off", **lab(1), target="Desk@Lab.GA",
        options={"detect": False},
        expected=served(33, "CONNECTED", "AGENT_CONNECTED", "talked", *TALK, verdict="off")),
    Row(key="machine-connects", code=9, how="a voicemail while on_machine is connect", **lab(21), target="Desk@Lab.GA",
        options={"on_machine": "connect"},
        expected=served(9, "ANSWERING_MACHINE", "AGENT_CONNECTED", "talked", *TALK, verdict=MACHINE)),
    Row(key="abandoned", code=21, how="the customer hangs up while the agent's telephone rings", **lab(8),
        target="Slow@Lab.GA",
        expected=served(21, "PERSON", "FAIL_INTERACTION_DELETED", "customer_hangup", "T35a", "T38", verdict="human",
                        q850=16)),
    Row(key="no-agent", code=26, how="no agent within max_wait_on_call", **lab(3), target="Nobody@Lab.GA",
        options={"max_queue_wait": 1, "max_wait_on_call": 2, "treatment_find_agent_fail": "{}"},
        expected=served(26, "PERSON", "FAIL_TARGET_NOT_FOUND", "on_call_wait", "T39", verdict="human", agent=False)),
    Row(key="agents-refuse", code=45, how="two agents refuse, max_transfer_attempts is 2", **lab(11),
        target="Refusing@Lab.GA", options={"max_transfer_attempts": 2, "treatment_find_agent_fail": "{}"},
        expected=served(45, "PERSON", "FAIL_AGENT_CONNECT", ".+", "T35a", "T36", "T35a", "T36", "T37",
                        verdict="human")),
    Row(key="agent-waited", code=47, how="queued_ttl over, the target is a single agent", peer="lab",
        target="away@Lab.A", options={"queued_ttl": 2},
        expected=Expected(reason="FAIL_TARGET_NOT_FOUND", detail="queued_ttl", dials=(), events=(*BOOKED, "T85"))),
    Row(key="group-waited", code=48, how="queued_ttl over, the target is a group", peer="lab",
        target="Nobody@Lab.GA", options={"queued_ttl": 2},
        expected=Expected(reason="FAIL_TARGET_NOT_FOUND", detail="queued_ttl", dials=(), events=(*BOOKED, "T85"))),
)  # fmt: skip

OPEN_DIAL = Dial(result=52, dial_result="UNKNOWN", counted=False, sip_status=487)

DESK = (
    Row(key="cancelled", code=52, how="a client cancels (DELETE, first-generation API) while it rings", peer="waits",
        options=refuses("180 Ringing"), act=cancel_when(dialing),
        expected=Expected(reason="CANCELLED", detail="api", dials=(OPEN_DIAL,), events=(*BOOKED, "T30", "T80"))),
    Row(key="cancelled-admin", code=52, how="an administrator cancels (POST, admin API) while it rings", peer="waits",
        options=refuses("180 Ringing"), act=cancel_by_admin_when(dialing),
        expected=Expected(reason="CANCELLED_BY_ADMIN", detail="single", dials=(OPEN_DIAL,),
                          events=(*BOOKED, "T30", "T81"))),
    Row(key="stored-too-long", code=28, how="ttl over before an agent is there", peer="lab", target="Nobody@Lab.GA",
        options={"ttl": 2},
        expected=Expected(reason="FAIL_TIMEOUT_TTL", detail="ttl", dials=(), events=(*BOOKED, "T84"))),
    Row(key="purged", code=28, how="callback_purge_time_min over before an agent is there", peer="lab",
        target="Nobody@Lab.GA", options={"callback_purge_time_min": 1},
        expected=Expected(reason="FAIL_TIMEOUT_TTL", detail="purge_time", dials=(), events=(*BOOKED, "T83"))),
    Row(key="no-channel", code=44, how="the gateway's only channel is taken by another call", peer="narrow",
        options=refuses("180 Ringing"), before=take_only_channel("occupier"), done=in_phase(Phase.RETRY_WAIT),
        expected=Expected(reason=None, detail=None, state="QUEUED", phase="retry_wait", retry_s=15.0,
                          dials=(Dial(result=44, dial_result="CREATE_CALL_ERROR", counted=False),),
                          events=(*BOOKED, "T30", "T32"))),
)  # fmt: skip


NODE = (
    Row(key="legacy-name", code=6, how="the customer is busy (486) while compat.legacy_reason_names is on",
        options=refuses("486 Busy Here"),
        expected=replace(retried(6, "BUSY", sip_status=486), reason="FAIL_USER_UNREACHABLE")),
    Row(key="error", code=4, how="an error that nothing provides for, put into the search for an agent", **lab(4),
        target="Faulty@Lab.GA", options={"max_queue_wait": 1},
        expected=served(4, "CREATE_CALL_ERROR", "FAIL_ERROR", "RuntimeError", "T88", verdict="human", agent=False)),
    Row(key="aimless", code=28, how="a call flow returns without having done anything (put there)", peer="lab",
        target="Aimless@Lab.GA", options={"max_queue_wait": 1},
        expected=Expected(reason="NOT_AVAILABLE", detail="WaitForTarget", dials=(), events=(*BOOKED, "T86"))),
)  # fmt: skip

KILLS = (
    Row(key="killed-dialing", code=46, how="the process is killed (kill -9) while the customer's telephone rings",
        peer="waits", options=refuses("180 Ringing") | {"ring_timeout": 120},
        act=wait_for(dialing), done=second(Phase.DIALING),
        expected=Expected(reason=None, detail=None, state="QUEUED", phase="dialing",
                          dials=(Dial(result=46, dial_result="UNKNOWN", counted=False),
                                 Dial(result=None, dial_result=None, counted=None)),
                          events=(*BOOKED, "T30", "T90", "T05", "T30"))),
    Row(key="killed-waiting", code=33, how="killed while the customer waits for an agent", **lab(5),
        target="Nobody@Lab.GA", options={"max_queue_wait": 1}, act=wait_for(in_phase(Phase.AGENT_WAIT)),
        done=second(Phase.AGENT_WAIT),
        expected=Expected(reason=None, detail=None, state="ROUTING", phase="agent_wait",
                          dials=(Dial(result=46, dial_result="UNKNOWN", counted=False, sip_status=200, verdict="human",
                                      answered=True),
                                 Dial(result=33, dial_result="PERSON", counted=None, sip_status=200, verdict="human",
                                      answered=True)),
                          events=(*BOOKED, "T30", "T31", "T91", "T05", "T30", "T31"))),
    Row(key="killed-talking", code=33, how="killed while customer and agent talk", **lab(0),
        target="Patient@Lab.GA", act=wait_for(in_phase(Phase.TALKING)),
        expected=served(33, "PERSON", "AGENT_CONNECTED", "node_lost", "T35a", "T35", "T92", verdict="human")),
)  # fmt: skip

STOPS = (
    Row(key="stopped-dialing", code=27, how="the dialer is stopped (SIGTERM) while the customer's telephone rings",
        peer="waits", options=refuses("180 Ringing") | {"ring_timeout": 120},
        act=wait_for(dialing), done=in_phase(Phase.RETRY_WAIT),
        expected=Expected(reason=None, detail=None, state="QUEUED", phase="retry_wait", retry_s=0.0,
                          dials=(Dial(result=27, dial_result="UNKNOWN", counted=False, sip_status=487),),
                          events=(*BOOKED, "T30", "T32"))),
    Row(key="stopped-waiting", code=46, how="stopped while the customer waits for an agent", **lab(1),
        target="Nobody@Lab.GA", options={"max_queue_wait": 1}, act=wait_for(in_phase(Phase.AGENT_WAIT)),
        done=in_phase(Phase.SUBMITTING),
        expected=Expected(reason=None, detail=None, state="QUEUED", phase="submitting",
                          dials=(Dial(result=46, dial_result="UNKNOWN", counted=False, sip_status=200, verdict="human",
                                      answered=True),),
                          events=(*BOOKED, "T30", "T31", "T91"))),
)  # fmt: skip

DEAF = (
    Row(key="no-node", code=28, how="no node takes the callback in submit_attempts tries: its detection has stopped",
        peer="lab", options={"submit_attempts": 2, "submit_retry_delay": 1},
        expected=Expected(reason="SUBMIT_ERROR", detail=".+", dials=(), events=("T01", "T06"))),
)  # fmt: skip

OCCUPIER = Row(
    key="occupier", code=52, how="takes the only channel of a gateway", peer="narrow", number="+13035550199",
    options=refuses("180 Ringing") | {"ring_timeout": 60}, expected=final(52, "UNKNOWN"),
)  # fmt: skip
"""No row of the table: the call beside which another finds no channel."""


def numbered(*tables: tuple[Row, ...]) -> tuple[tuple[Row, ...], ...]:
    """Gives each row that names nobody a number of its own: two calls to one number would wait for each other."""
    free = (f"{area}5550{line}" for area in (303, 404) for line in range(100, 197))
    return tuple(
        tuple(row if row.number else replace(row, number=f"+1{next(free)}") for row in rows) for rows in tables
    )


STEADY, FAULTY, KILLED, STOPPED, SILENCED, CODES = numbered(
    (*DESK, *FLOWS, *AGENTS, *MEDIA, *SIGNALLING), NODE, KILLS, STOPS, DEAF, (*STATUS_ROWS, *CAUSE_ROWS)
)
"""What one dialer plays at once, the last of it too; what another one does that has faults, is killed, and is stopped;
and a deaf one."""

ROWS = (*STEADY, *FAULTY, *KILLED, *STOPPED, *SILENCED)
"""All rows, as they are printed."""
