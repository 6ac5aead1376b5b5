"""Access numbers through the use cases: with a callback, without one, for one that waits for its call."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from dialer.booking import Booking, CreateRequest, InvalidState, NoNumberFree, NotFound, UnknownGroup
from dialer.config import load_text
from dialer.events import Bus

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CONFIG = """[gateway.pbx]
uri = "sip:192.0.2.10"
[call_in_group.front]
dnis = {"+16505550190" = "first", "+16505550191" = "second"}
generate_code = true
code_length = 8
expiry_s = 90
[call_in_group.own]
dnis = ["+16505550192"]
unique_dnis = true
[service.v1]
family = "v1"
target = "Desk@Lab.GA"
call_direction = "USERORIGINATED"
resource_group = "front"
provide_code = true
booking_timeout = 45
[service.plain]
family = "v1"
target = "Desk@Lab.GA"
call_direction = "USERORIGINATED"
resource_group = "own"
[service.v3]
target = "Desk@Lab.GA"
call_direction = "USERORIGINATED"
resource_group = "front"
[service.delayed]
target = "Desk@Lab.GA"
call_direction = "USERORIGINATED"
wait_for_agent = true
resource_group = "front"
[service.only_number]
family = "v1"
target = "Desk@Lab.GA"
type = "builtin"
resource_group = "own"
"""
NUMBERS = (f"+1202555{n:04d}" for n in itertools.count(100))


class StillClock:
    def now(self):
        return NOW

    def monotonic(self):
        return 0.0


@pytest.fixture
def booking(store, tmp_path):
    return Booking(store, load_text(CONFIG, tmp_path / "dialer.toml"), Bus(), StillClock())


def wish(service, **more):
    return CreateRequest(service, {"_customer_number": next(NUMBERS), **more})


async def test_a_v1_service_says_itself_whether_there_is_a_code_and_for_how_long(booking, store):
    callback = await booking.create(wish("v1"))
    [request] = await store.call_ins_of(callback.id)
    assert (request.to_number, request.description, len(request.access_code)) == ("+16505550190", "first", 8)
    assert request.expires_at == NOW + timedelta(seconds=45)
    assert request.from_number == callback.number_e164
    assert datetime.fromisoformat(callback.access["expires_at"]) == request.expires_at
    assert "code" not in (await booking.create(wish("plain"))).access


async def test_a_v3_queue_takes_the_terms_of_the_group(booking, store):
    callback = await booking.create(wish("v3"))
    [request] = await store.call_ins_of(callback.id)
    assert (len(request.access_code), request.expires_at) == (8, NOW + timedelta(seconds=90))


async def test_who_waits_for_an_agent_or_for_later_has_no_number_yet(booking):
    assert (await booking.create(wish("delayed"))).access == {}
    later = (NOW + timedelta(hours=3)).isoformat()
    assert (await booking.create(wish("v1", _desired_time=later))).access == {}


async def test_without_a_free_number_there_is_no_callback(booking, store):
    await booking.create(wish("plain"))
    with pytest.raises(NoNumberFree):
        await booking.create(wish("plain"))
    assert sum((await store.counts()).values()) == 1


async def test_a_builtin_service_hands_out_a_number_and_keeps_no_record(booking, store):
    request = await booking.hand_out(wish("only_number", color="red"))
    assert (request.to_number, request.callback_id, request.user_data) == ("+16505550192", None, {"color": "red"})
    assert (request.service, await store.counts()) == ("only_number", {})
    with pytest.raises(NoNumberFree):
        await booking.hand_out(wish("only_number"))


async def test_a_number_may_be_asked_for_once_the_call_is_awaited(booking, store):
    callback = await booking.create(wish("delayed"))
    with pytest.raises(InvalidState, match="does not wait for the customer's call"):
        await booking.request_access("", callback_id=callback.id)
    [waiting] = await store.claim("n1", now=NOW, lease_s=30)
    until = (NOW + timedelta(minutes=5)).isoformat()
    awaited = await store.transition(
        waiting.id, waiting.version, "T50", actor="engine", now=NOW, changes={"access": {"expires_at": until}}
    )
    request = await booking.request_access("", callback_id=awaited.id)
    kept = (await store.get(awaited.id)).access
    assert (kept["number"], kept["code"], kept["expires_at"]) == (request.to_number, request.access_code, until)


async def test_names_that_lead_nowhere_are_refused(booking):
    with pytest.raises(UnknownGroup, match="there is no call-in group 'side'"):
        await booking.request_access("side")
    with pytest.raises(NotFound):
        await booking.request_access("front", callback_id="1-none")
