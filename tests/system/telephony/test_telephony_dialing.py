"""Placing calls, and every way in which one can end."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import pytest
from telephony_peers import Arrivals, free_port, receive, respond, talk, until, with_gateway

from dialer.telephony import Answered, DialRequest, Ended, Progress, Redirected, Ringing, Trying

ANSWER_AND_WAIT = (
    receive("INVITE") + respond("200 OK", sdp_port=6000) + receive("ACK") + receive("BYE") + respond("200 OK")
)


async def end_of(leg):
    return await asyncio.wait_for(leg.ended, 8)


async def test_the_far_end_sees_number_caller_name_and_headers(ua, arrivals):
    request = DialRequest(
        "self", "4912345", from_user="8999", display_name='Müller & "Co"', headers={"X-Callback-Id": "abc"}
    )
    leg = await ua.dial(request)
    far = await arrivals.next()
    assert (far.called_number, far.caller, far.caller_name) == ("4912345", "8999", 'Müller & "Co"')
    assert far.headers["x-callback-id"] == "abc"
    assert far.sip_call_id == leg.sip_call_id
    await far.reject(486)
    await end_of(leg)


async def test_a_header_value_cannot_inject_another_header(ua, arrivals):
    leg = await ua.dial(
        DialRequest("self", "1", display_name="x\r\nX-Evil: 1", headers={"X-Good": "a\r\nX-Evil: 2", "Bad Name": "b"})
    )
    far = await arrivals.next()
    assert "x-evil" not in far.headers
    assert far.headers["x-good"] == "aX-Evil: 2"
    assert "bad name" not in far.headers
    await far.reject(486)
    await end_of(leg)


async def test_events_come_in_the_order_of_the_call(ua, arrivals):
    leg = await ua.dial(DialRequest("self", "100"))
    far = await arrivals.next()
    await far.ring()
    await far.answer(183)
    await far.answer()
    assert await leg.answered()
    await far.hangup()
    kinds = [type(event) async for event in leg.events()]
    wanted = [Trying, Ringing, Progress, Answered, Ended]
    assert [kind for kind in kinds if kind in wanted] == wanted
    times = leg.end.times
    stages = [times.invite, times.trying, times.ringing, times.early_media, times.answer, times.end]
    assert [m.mono for m in stages] == sorted(m.mono for m in stages)
    assert leg.end.ended_by == "far"
    assert leg.end.cause == "normal"
    assert leg.end.sip_status == 200
    assert not leg.end.local


async def test_two_observers_see_the_same_events(ua, arrivals):
    async with talk(ua, arrivals) as (leg, _):
        pass
    first = [event async for event in leg.events()]
    second = [event async for event in leg.events()]
    assert first == second
    assert isinstance(first[-1], Ended)


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (486, "busy"),
        (404, "not_found"),
        (480, "unavailable"),
        (484, "malformed"),
        (603, "rejected"),
        (503, "unavailable"),
        (500, "failure"),
    ],
)
async def test_a_refusal_is_a_value_with_its_status(ua, arrivals, status, cause):
    leg = await ua.dial(DialRequest("self", "100"))
    far = await arrivals.next()
    await far.reject(status)
    end = await end_of(leg)
    assert (end.sip_status, end.cause, end.ended_by, end.local) == (status, cause, "far", False)


async def test_q850_and_retry_after_are_read(start, settings, sipp):
    peer = sipp(
        receive("INVITE")
        + respond("503 Service Unavailable", 'Reason: Q.850;cause=34;text="no circuit"', "Retry-After: 17")
        + receive("ACK")
    )
    ua = await start(with_gateway(settings, uri=f"sip:127.0.0.1:{peer.port}"))
    end = await end_of(await ua.dial(DialRequest("peer", "100")))
    assert (end.sip_status, end.q850, end.retry_after) == (503, 34, 17)


async def test_the_cause_of_a_bye_is_read(start, settings, sipp):
    bye = (
        '<pause milliseconds="200"/><send><![CDATA[\nBYE [next_url] SIP/2.0\n'
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
        "From: [$to];tag=[pid]SIPp[call_number]\nTo: [$from]\n[last_Call-ID:]\nCSeq: 1 BYE\n"
        "Reason: Q.850;cause=27\nContent-Length: 0\n\n]]></send>"
        '<recv response="200"/>'
    )
    invite = (
        '<recv request="INVITE" rrs="true"><action>'
        '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="from"/>'
        '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="to"/>'
        "</action></recv>"
    )
    peer = sipp(invite + respond("200 OK", sdp_port=6000) + '<recv request="ACK" rrs="true"/>' + bye)
    ua = await start(with_gateway(settings, uri=f"sip:127.0.0.1:{peer.port}"))
    end = await end_of(await ua.dial(DialRequest("peer", "100")))
    assert (end.ended_by, end.q850, end.sip_status) == ("far", 27, 200)


async def test_a_redirection_is_followed_and_told(start, settings, sipp):
    target = sipp(ANSWER_AND_WAIT)
    peer = sipp(
        receive("INVITE")
        + respond(
            "302 Moved", f"Contact: &lt;sip:777@127.0.0.1:{target.port}&gt;".replace("&lt;", "<").replace("&gt;", ">")
        ).replace("Contact: <sip:[local_ip]:[local_port]>\n", "")
        + receive("ACK")
    )
    ua = await start(with_gateway(settings, uri=f"sip:127.0.0.1:{peer.port}"))
    leg = await ua.dial(DialRequest("peer", "100"))
    assert await asyncio.wait_for(leg.answered(), 5)
    await leg.hangup()
    end = await end_of(leg)
    assert len(end.redirects) == 1
    assert "777@127.0.0.1" in end.redirects[0]
    assert any(isinstance(event, Redirected) for event in [e async for e in leg.events()])


async def test_redirections_without_end_stop_at_the_limit(ua, arrivals):
    leg = await ua.dial(DialRequest("self", "100"))

    async def send_away():
        while True:
            far = await arrivals.next()
            await far.redirect(f"sip:{int(far.called_number) + 1}@127.0.0.1:{ua.udp_port}")

    sender = asyncio.create_task(send_away())
    end = await end_of(leg)
    sender.cancel()
    assert end.cause == "redirect_limit"
    assert len(end.redirects) == ua.settings.max_redirects


AUTHENTICATED = (
    receive("INVITE")
    + respond("401 Unauthorized", 'WWW-Authenticate: Digest realm="pbx", nonce="abc"')
    + receive("ACK")
    + '<recv request="INVITE" auth="true"><action>'
    + '<verifyauth assign_to="ok" username="8999" password="secret"/></action></recv>'
    + '<nop next="good" test="ok"/>'
    + respond("403 Forbidden")
    + '<recv request="ACK" next="done"/><label id="good"/>'
    + respond("200 OK", sdp_port=6000)
    + receive("ACK")
    + receive("BYE")
    + respond("200 OK")
    + '<label id="done"/>'
)


async def test_digest_authentication_answers_the_challenge(start, settings, sipp):
    peer = sipp(AUTHENTICATED)
    ua = await start(with_gateway(settings, uri=f"sip:127.0.0.1:{peer.port}", user="8999", password="secret"))
    leg = await ua.dial(DialRequest("peer", "100"))
    assert await asyncio.wait_for(leg.answered(), 5)
    await leg.hangup()
    assert (await end_of(leg)).ended_by == "us"


async def test_a_wrong_password_is_told_as_such(start, settings, sipp):
    peer = sipp(AUTHENTICATED)
    ua = await start(with_gateway(settings, uri=f"sip:127.0.0.1:{peer.port}", user="8999", password="wrong"))
    end = await end_of(await ua.dial(DialRequest("peer", "100")))
    assert (end.sip_status, end.cause, end.ended_by) == (403, "forbidden", "far")


async def test_without_a_password_the_challenge_ends_the_call(start, settings, sipp):
    peer = sipp(AUTHENTICATED)
    ua = await start(with_gateway(settings, uri=f"sip:127.0.0.1:{peer.port}"))
    end = await end_of(await ua.dial(DialRequest("peer", "100")))
    assert (end.sip_status, end.cause) == (401, "unauthorized")


async def test_an_outbound_proxy_gets_the_request(start, settings, sipp):
    proxy = sipp(receive("INVITE") + respond("486 Busy Here") + receive("ACK"))
    ua = await start(with_gateway(settings, uri="sip:192.0.2.1:5060", outbound_proxy=f"sip:127.0.0.1:{proxy.port}"))
    end = await end_of(await ua.dial(DialRequest("peer", "100")))
    assert end.sip_status == 486
    assert "INVITE sip:100@192.0.2.1:5060" in proxy.messages


async def test_the_ring_timeout_cancels(ua, arrivals):
    leg = await ua.dial(DialRequest("self", "100", ring_timeout_s=0.3))
    far = await arrivals.next()
    await far.ring()
    end = await end_of(leg)
    assert (end.cause, end.ended_by, end.progress) == ("no_answer", "us", "ringing")
    assert 0.25 < end.times.end.mono - end.times.ringing.mono < 0.6
    far_end = await end_of(far)
    assert (far_end.cause, far_end.ended_by) == ("cancelled", "far")
    assert far_end.q850 == 19


async def test_the_setup_timeout_cancels_what_makes_no_progress(ua, arrivals):
    leg = await ua.dial(DialRequest("self", "100", setup_timeout_s=0.3))
    await arrivals.next()
    end = await end_of(leg)
    assert (end.cause, end.ended_by, end.progress) == ("no_progress", "us", "trying")


async def test_a_far_end_that_answers_nothing_does_not_keep_the_leg(start, settings):
    ua = await start(with_gateway(settings, uri="sip:127.0.0.1:9"))
    leg = await ua.dial(DialRequest("peer", "100"))
    await leg.hangup("timer")
    end = await end_of(leg)
    assert (end.ended_by, end.cause) in {("us", "timer"), ("network", "transport")}
    assert ua.channels.in_use == 0


async def test_what_cannot_be_placed_is_a_leg_that_has_ended(ua):
    unknown = await ua.dial(DialRequest("nowhere", "100"))
    assert (unknown.end.cause, unknown.end.local, unknown.end.sip_status) == ("unknown_gateway", True, None)
    malformed = await ua.dial(DialRequest("self", "sip:@@@ not a uri"))
    assert (malformed.end or await end_of(malformed)).cause == "malformed"
    assert ua.channels.in_use == 0


async def test_181_and_history_info_say_that_the_call_was_forwarded(start, settings, sipp):
    peer = sipp(receive("INVITE") + respond("181 Call Is Being Forwarded") + respond("486 Busy Here") + receive("ACK"))
    ua = await start(with_gateway(settings, uri=f"sip:127.0.0.1:{peer.port}"))
    end = await end_of(await ua.dial(DialRequest("peer", "100")))
    assert end.forwarded
    assert end.progress == "ringing"


async def test_a_hangup_carries_its_cause_to_the_far_end(ua, arrivals):
    async with talk(ua, arrivals) as (leg, far):
        await leg.hangup("normal", q850=31)
        assert (await end_of(far)).q850 == 31
    assert leg.end.ended_by == "us"


async def test_a_second_hangup_does_nothing(ua, arrivals):
    async with talk(ua, arrivals) as (leg, _):
        await asyncio.gather(leg.hangup("normal"), leg.hangup("other"))
        assert (await end_of(leg)).cause == "normal"
        await leg.hangup("again")


async def test_tcp_carries_calls_too(start, settings):
    tcp = free_port(socket.SOCK_STREAM)
    ua = await start(with_gateway(replace(settings, tcp_port=tcp), uri=f"sip:127.0.0.1:{tcp}", transport="tcp"))
    arrivals = Arrivals(ua)
    async with talk(ua, arrivals, gateway="peer") as (_, far):
        assert "TCP" in far.headers["via"]


async def test_a_name_that_does_not_resolve_is_told_as_such_and_stops_nobody_else(start, settings):
    ua = await start(with_gateway(settings, uri="sip:no-such-host.invalid"))
    leg = await ua.dial(DialRequest("peer", "100"))
    assert (leg.end.cause, leg.end.local) == ("dns", True)
    assert ua.channels.in_use == 0
    assert not (await ua.probe_gateway("peer")).up
    assert (await ua.probe_gateway("self")).up


async def test_a_name_that_resolves_is_dialled(start, settings):
    ua = await start(with_gateway(settings, uri=f"sip:localhost:{settings.udp_port}"))
    arrivals = Arrivals(ua)
    async with talk(ua, arrivals, gateway="peer") as (_, far):
        assert "@localhost" in far.called_uri


async def test_a_cancelled_dial_leaves_no_call_behind(ua, arrivals):
    dialling = asyncio.create_task(ua.dial(DialRequest("self", "100")))
    await asyncio.sleep(0)
    dialling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dialling
    far = await arrivals.next()
    assert (await end_of(far)).ended_by == "far"
    await until(lambda: ua.channels.in_use == 0)


@pytest.mark.parametrize("timers", [True, False])
async def test_session_timers_are_offered_by_the_gateways_wish(start, settings, timers):
    ua = await start(with_gateway(settings, uri=settings.gateways["self"].uri, session_timers=timers))
    arrivals = Arrivals(ua)
    async with talk(ua, arrivals, gateway="peer") as (_, far):
        assert ("session-expires" in far.headers) is timers
