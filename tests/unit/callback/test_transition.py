import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.callback.errors import InvalidTransition
from dialer.callback.reason import Reason, is_reason
from dialer.callback.state import IN_QUEUE, PHASES, POSITIONS, UNOWNED, Actor, Phase, State, position_name
from dialer.callback.transition import TRANSITIONS, check, completion_reason, resolve

QUEUED_ALL = (
    "QUEUED/submitting QUEUED/waiting QUEUED/confirm_wait QUEUED/dialing QUEUED/retry_wait QUEUED/snoozed "
    "QUEUED/call_in_wait QUEUED/expired"
)
ROUTING_ALL = "ROUTING/agent_wait ROUTING/agent_ring ROUTING/agent_preview ROUTING/customer_dial"
PROCESSING_ALL = "PROCESSING/talking PROCESSING/disposition"
OPEN_ALL = f"SCHEDULED PAUSED {QUEUED_ALL} {ROUTING_ALL} {PROCESSING_ALL}"

# Written from records section 3, apart from the table under test: number, from, to, causes.
SPECIFIED = f"""
T01 | none | QUEUED/submitting | api admin ivr
T02 | none | SCHEDULED | api admin ivr
T03 | none | PAUSED | api admin ivr
T04 | none | none | engine
T05 | QUEUED/submitting | QUEUED/waiting | engine
T06 | QUEUED/submitting SCHEDULED | COMPLETED | engine
T07 | QUEUED/submitting | COMPLETED | engine
T08 | COMPLETED | COMPLETED | admin
T10 | SCHEDULED | QUEUED/submitting | engine
T11 | SCHEDULED | SCHEDULED | api admin
T12 | SCHEDULED | QUEUED/submitting | api admin
T13 | PAUSED | PAUSED | api admin
T20 | SCHEDULED QUEUED/waiting QUEUED/confirm_wait QUEUED/retry_wait QUEUED/snoozed | PAUSED | admin
T21 | QUEUED/dialing | PAUSED | engine
T22 | PAUSED | SCHEDULED | admin
T23 | PAUSED | QUEUED/waiting QUEUED/retry_wait | admin
T30 | QUEUED/waiting | QUEUED/dialing | engine
T31 | QUEUED/dialing | ROUTING/agent_wait | engine
T32 | QUEUED/dialing | QUEUED/retry_wait | engine
T33 | QUEUED/retry_wait QUEUED/snoozed | QUEUED/waiting | engine
T34 | QUEUED/dialing | COMPLETED | engine
T35a | ROUTING/agent_wait | ROUTING/agent_ring | engine
T35 | ROUTING/agent_ring | PROCESSING/talking | agent
T36 | ROUTING/agent_ring | ROUTING/agent_wait | engine
T37 | {ROUTING_ALL} | COMPLETED | engine
T38 | ROUTING/agent_wait ROUTING/agent_ring | COMPLETED | customer
T39 | ROUTING/agent_wait | COMPLETED | engine
T40 | QUEUED/waiting | ROUTING/agent_preview ROUTING/agent_ring | engine
T41 | ROUTING/agent_preview | QUEUED/waiting | agent engine
T42 | ROUTING/agent_preview | COMPLETED | agent
T43a | ROUTING/agent_preview | ROUTING/agent_ring | agent
T43 | ROUTING/agent_ring | ROUTING/customer_dial | engine
T44 | ROUTING/customer_dial | PROCESSING/talking | engine
T45 | ROUTING/customer_dial | QUEUED/retry_wait | engine
T46 | ROUTING/customer_dial | COMPLETED | engine
T47 | ROUTING/agent_ring | QUEUED/waiting COMPLETED | engine
T50 | QUEUED/waiting | QUEUED/call_in_wait | engine
T51 | QUEUED/waiting | COMPLETED | engine
T52 | QUEUED/call_in_wait | ROUTING/agent_wait | customer
T53 | QUEUED/call_in_wait | QUEUED/expired | engine
T54 | QUEUED/call_in_wait | COMPLETED | engine
T60 | QUEUED/waiting | QUEUED/confirm_wait | engine
T61 | QUEUED/confirm_wait | QUEUED/dialing ROUTING/agent_preview ROUTING/agent_ring | customer engine
T62 | QUEUED/confirm_wait | QUEUED/waiting COMPLETED | engine
T63 | QUEUED/confirm_wait | COMPLETED | customer
T70 | QUEUED/confirm_wait {ROUTING_ALL} {PROCESSING_ALL} | QUEUED/snoozed | customer agent
T71 | {PROCESSING_ALL} | same | agent
T72 | PROCESSING/talking | PROCESSING/disposition | customer agent
T73 | {PROCESSING_ALL} | COMPLETED | customer agent engine
T80 | SCHEDULED PAUSED {QUEUED_ALL} {ROUTING_ALL} | COMPLETED | api ivr
T81 | SCHEDULED PAUSED {QUEUED_ALL} {ROUTING_ALL} | COMPLETED | admin
T82 | {PROCESSING_ALL} COMPLETED | refused |
T83 | SCHEDULED PAUSED {QUEUED_ALL.replace("QUEUED/dialing ", "")} | COMPLETED | engine
T84 | SCHEDULED PAUSED {QUEUED_ALL} | COMPLETED | engine
T85 | QUEUED/waiting QUEUED/retry_wait | COMPLETED | engine
T86 | {QUEUED_ALL} {ROUTING_ALL} | COMPLETED | engine
T87 | QUEUED/submitting | COMPLETED | engine
T88 | {OPEN_ALL} | COMPLETED | engine
T89 | COMPLETED | none | engine
T90 | {QUEUED_ALL} | QUEUED/submitting | node
T91 | {ROUTING_ALL} | QUEUED/submitting | node
T92 | {PROCESSING_ALL} | COMPLETED | node
"""

PLACES = {position_name(place): place for place in (None, *POSITIONS)}


def specified() -> dict[tuple[str, str], set[str]]:
    moves: dict[tuple[str, str], set[str]] = {}
    for line in SPECIFIED.strip().splitlines():
        number, sources, targets, _ = (cell.strip() for cell in line.split("|"))
        for source in sources.split():
            found = {source} if targets == "same" else set() if targets == "refused" else set(targets.split())
            moves[number, source] = found
    return moves


MOVES = specified()
CAUSES = {line.split("|")[0].strip(): set(line.split("|")[3].split()) for line in SPECIFIED.strip().splitlines()}


def allowed(event: str, source: str, target: str, actor: Actor | None = None) -> bool:
    state, phase = PLACES[source] or (None, None)
    to_state, to_phase = PLACES[target] or (None, None)
    try:
        check(event, state, phase, to_state, to_phase, actor=actor)
    except InvalidTransition:
        return False
    return True


def test_the_table_has_the_specified_transitions_and_no_others():
    assert set(TRANSITIONS) == set(CAUSES)


@pytest.mark.parametrize("event", sorted(CAUSES))
def test_a_transition_passes_where_the_specification_has_it_and_is_refused_everywhere_else(event):
    for source, target in itertools.product(PLACES, PLACES):
        assert allowed(event, source, target) == (target in MOVES.get((event, source), set())), (source, target)


@pytest.mark.parametrize("event", sorted(CAUSES))
def test_only_the_specified_causes_may_make_a_transition(event):
    source, target = next(
        ((source, next(iter(targets))) for (number, source), targets in MOVES.items() if number == event and targets),
        (None, None),
    )
    for actor in Actor:
        passes = source is not None and target is not None and allowed(event, source, target, actor)
        assert passes == (actor.value in CAUSES[event]), actor


@given(st.text(max_size=5).filter(lambda text: text not in TRANSITIONS), st.sampled_from(POSITIONS))
def test_an_unknown_event_is_refused(event, place):
    with pytest.raises(InvalidTransition):
        check(event, *place, *place)


def reachable(start: set[str]) -> set[str]:
    found, front = set(start), list(start)
    while front:
        place = front.pop()
        for (_, source), targets in MOVES.items():
            fresh = targets - found if source == place else set()
            found |= fresh
            front += fresh
    return found


def test_every_place_can_be_reached_from_a_booking():
    assert reachable({"QUEUED/submitting", "SCHEDULED", "PAUSED"}) - {"none"} == set(PLACES) - {"none"}


@pytest.mark.parametrize("place", [name for name in PLACES if name not in {"none", "COMPLETED"}])
def test_every_open_state_has_a_way_to_the_end(place):
    assert "COMPLETED" in reachable({place})


def test_every_open_state_can_be_ended_by_an_error_and_recovered_from_a_lost_node():
    for place in POSITIONS:
        name = position_name(place)
        if place[0] is not State.COMPLETED:
            assert allowed("T88", name, "COMPLETED")
        if place[0] in {State.QUEUED, State.ROUTING, State.PROCESSING}:
            assert sum(bool(MOVES.get((event, name))) for event in ("T90", "T91", "T92")) == 1


def test_nothing_leaves_completed_but_deletion_and_recreation():
    assert {event for (event, source), targets in MOVES.items() if source == "COMPLETED" and targets} == {"T08", "T89"}


@given(st.sampled_from(sorted(TRANSITIONS)), st.sampled_from([None, *POSITIONS]))
def test_resolve_finds_the_only_target_or_asks_for_one(event, source):
    targets = MOVES.get((event, position_name(source)), set())
    if len(targets) == 1:
        assert position_name(resolve(event, source)) == next(iter(targets))
    else:
        with pytest.raises(InvalidTransition):
            resolve(event, source)
    for target in targets:
        assert position_name(resolve(event, source, PLACES[target])) == target if target != "none" else True


def test_every_way_to_completed_names_its_reasons_and_they_exist():
    for number, row in TRANSITIONS.items():
        completes = (State.COMPLETED, None) in row.targets and not row.stays
        assert bool(row.reasons) == completes, number
        assert all(is_reason(str(reason)) for reason in row.reasons if "nREJECTS" not in reason)


def test_every_reason_that_is_written_has_a_transition_that_writes_it():
    written = {reason for row in TRANSITIONS.values() for reason in row.reasons}
    assert set(Reason) - written == {Reason.SUBMIT_FAILED}


def test_a_single_reason_is_taken_and_several_must_be_chosen_from():
    assert completion_reason(TRANSITIONS["T73"], None) == "AGENT_CONNECTED"
    assert completion_reason(TRANSITIONS["T42"], "AGENT_PREVIEW_CANCEL_AFTER_3REJECTS").endswith("3REJECTS")
    for event, reason in (("T34", None), ("T34", "AGENT_CONNECTED"), ("T42", None), ("T42", "AGENT_CONNECTED")):
        with pytest.raises(InvalidTransition):
            completion_reason(TRANSITIONS[event], reason)


def test_rescheduling_while_paused_needs_a_callback_that_was_scheduled():
    place = (State.PAUSED, None)
    check("T13", *place, *place, resume_state=State.SCHEDULED)
    with pytest.raises(InvalidTransition):
        check("T13", *place, *place, resume_state=State.QUEUED)


def test_a_message_says_what_is_wrong():
    with pytest.raises(InvalidTransition, match=r"T30 .* is not possible in QUEUED/dialing"):
        check("T30", State.QUEUED, Phase.DIALING, State.QUEUED, Phase.DIALING)
    with pytest.raises(InvalidTransition, match="caused by engine, not by api"):
        check("T30", State.QUEUED, Phase.WAITING, State.QUEUED, Phase.DIALING, actor="api")
    with pytest.raises(InvalidTransition, match="say which"):
        resolve("T47", (State.ROUTING, Phase.AGENT_RING))


def test_phases_belong_to_one_state_each():
    phases = [phase for state in State for phase in PHASES[state]]
    assert sorted(phases) == sorted(Phase)


def test_the_queue_holds_what_is_queued_and_neither_submitting_nor_expired():
    assert {position_name(place) for place in IN_QUEUE} == set(QUEUED_ALL.split()) - {
        "QUEUED/submitting",
        "QUEUED/expired",
    }


def test_places_without_a_node_have_no_call_and_no_agent():
    assert all(state not in {State.ROUTING, State.PROCESSING} for state, _ in UNOWNED)
    assert (State.QUEUED, Phase.DIALING) not in UNOWNED
