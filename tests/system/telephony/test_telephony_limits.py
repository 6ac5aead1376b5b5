"""Limits, health, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from telephony_peers import Arrivals, free_port, receive, respond, talk, until, with_gateway

from dialer.telephony import DialRequest, NotRunning, StartFailed, UnknownGateway, UserAgent


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_dial_over_the_gateways_limit_is_an_ended_leg(start, settings):
    ua = await start(with_gateway(settings, uri=settings.gateways["self"].uri, max_channels=1))
    arrivals = Arrivals(ua)
    async with talk(ua, arrivals, gateway="peer"):
        over = await ua.dial(DialRequest("peer", "2"))
        assert (over.end.cause, over.end.local, over.end.sip_status) == ("no_channel", True, None)
        assert ua.channels.by_gateway == {"peer": 1, "": 1}
    again = await ua.dial(DialRequest("peer", "3"))
    assert again.end is None
    await again.hangup()
    await asyncio.wait_for(again.ended, 5)


async def test_an_incoming_call_over_the_limit_is_refused_with_503(start, settings):
    ua = await start(replace(settings, max_channels=1, tap_rows=4))
    Arrivals(ua)
    end = await asyncio.wait_for((await ua.dial(DialRequest("self", "1"))).ended, 5)
    assert (end.sip_status, end.q850) == (503, 34)
    await until(lambda: ua.channels.in_use == 0)


async def test_without_a_taker_calls_are_refused(ua):
    end = await asyncio.wait_for((await ua.dial(DialRequest("self", "1"))).ended, 5)
    assert end.sip_status == 480


async def test_a_taker_that_fails_ends_its_leg(ua, caplog):
    async def taker(_):
        raise ZeroDivisionError

    ua.on_incoming = taker
    end = await asyncio.wait_for((await ua.dial(DialRequest("self", "1"))).ended, 5)
    assert end.sip_status == 500
    assert "taker" in caplog.text


async def test_a_gateway_that_answers_options_is_up(ua):
    assert not ua.gateway_health("self").known
    health = await ua.probe_gateway("self")
    assert (health.up, health.last_status) == (True, 200)
    assert 0 < health.rtt_ms < 1000
    assert ua.gateway_health("self") == health
    with pytest.raises(UnknownGateway):
        await ua.probe_gateway("nowhere")


async def test_a_gateway_that_does_not_answer_is_down(start, settings):
    ua = await start(with_gateway(settings, uri=f"sip:127.0.0.1:{free_port()}"))
    health = await ua.probe_gateway("peer", timeout_s=0.5)
    assert (health.known, health.up) == (True, False)


async def test_a_gateway_with_trouble_is_down_and_comes_back(start, settings, sipp):
    peer = sipp(receive("OPTIONS") + respond("503 Service Unavailable"))
    ua = await start(with_gateway(settings, uri=f"sip:127.0.0.1:{peer.port}", options_ping_s=0.2))
    await until(lambda: ua.gateway_health("peer").known)
    assert not ua.gateway_health("peer").up
    peer.process.kill()
    peer.process.wait()
    sipp(receive("OPTIONS") + respond("200 OK"), peer.port)
    await until(lambda: ua.gateway_health("peer").up, 10)


async def test_300_quick_calls_leave_nothing_behind(start, settings):
    ua = await start(replace(settings, max_channels=700, tap_rows=1000))

    async def take(leg):
        await leg.answer()
        await asyncio.wait({leg.ended})

    ua.on_incoming = take
    async with asyncio.timeout(60):
        await one_call(ua)
        before = descriptors()
        await asyncio.gather(*(one_call(ua) for _ in range(300)))
        await until(lambda: ua.channels.in_use == 0)
        await until(lambda: ua.taps.rows_in_use == 0)
        await until(lambda: descriptors() <= before)
    assert not ua._engine._calls
    assert not ua._engine._graveyard
    assert ua._engine.thread.faults == 0


async def one_call(ua):
    leg = await ua.dial(DialRequest("self", "1"))
    assert await leg.answered(), leg.end
    await leg.hangup()
    await leg.ended


async def test_cancelled_and_refused_calls_leave_nothing_behind(start, settings):
    ua = await start(replace(settings, max_channels=300, tap_rows=300))

    async def take(leg):
        if int(leg.called_number) % 2:
            await leg.reject(486)
        else:
            await leg.ring()
            await asyncio.wait({leg.ended})

    ua.on_incoming = take
    legs = [await ua.dial(DialRequest("self", str(n))) for n in range(100)]
    await until(lambda: all(leg.end for leg in legs[1::2]), 10)
    await asyncio.gather(*(leg.hangup("no_answer") for leg in legs[::2]))
    ends = await asyncio.wait_for(asyncio.gather(*(leg.ended for leg in legs)), 10)
    assert {end.cause for end in ends[1::2]} == {"busy"}
    assert {end.cause for end in ends[::2]} == {"no_answer"}
    await until(lambda: ua.channels.in_use == 0 and not ua._engine._calls and ua.taps.rows_in_use == 0)


async def test_stop_ends_what_is_up_and_a_second_agent_can_start(settings):
    for _ in range(2):
        ua = UserAgent(settings)
        await ua.start()
        arrivals = Arrivals(ua)
        leg = await ua.dial(DialRequest("self", "1"))
        far = await arrivals.next()
        await far.answer()
        assert await leg.answered()
        await ua.stop()
        assert leg.end is not None
        assert far.end is not None
    with pytest.raises(NotRunning):
        await ua.dial(DialRequest("self", "1"))


async def test_stop_in_the_midst_of_dialling_leaves_no_leg_up(settings):
    ua = UserAgent(settings)
    await ua.start()
    Arrivals(ua)
    dialling = [asyncio.create_task(ua.dial(DialRequest("self", str(n)))) for n in range(30)]
    await asyncio.sleep(0.005)
    await asyncio.wait_for(ua.stop(2), 10)
    results = await asyncio.wait_for(asyncio.gather(*dialling, return_exceptions=True), 2)
    legs = [result for result in results if not isinstance(result, NotRunning)]
    assert all(leg.end is not None for leg in legs)
    assert len(legs) + sum(isinstance(result, NotRunning) for result in results) == 30


async def test_an_agent_on_all_addresses_can_be_called_on_one(start, settings):
    ua = await start(replace(settings, listen_host="0.0.0.0"))
    arrivals = Arrivals(ua)
    async with talk(ua, arrivals) as (leg, far):
        await until(lambda: leg.timestamps.first_rtp and far.timestamps.first_rtp)
        assert (leg.end, far.end) == (None, None), "they hear each other, and the call is up"


async def test_a_public_address_is_what_the_far_end_is_told(start, settings):
    ua = await start(replace(settings, public_address="127.0.0.5"))
    arrivals = Arrivals(ua)
    leg = await ua.dial(DialRequest("self", "1"))
    far = await arrivals.next()
    assert "127.0.0.5" in far.headers["contact"]
    await far.reject(486)
    await asyncio.wait_for(leg.ended, 5)


async def test_a_port_that_is_taken_is_told_with_its_number(settings):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", settings.udp_port))
        with pytest.raises(StartFailed, match=str(settings.udp_port)):
            await UserAgent(settings).start()
    ua = UserAgent(settings)
    await ua.start()
    await ua.stop()


async def test_a_second_user_agent_in_one_process_is_refused_and_harms_nothing(ua, settings):
    with pytest.raises(StartFailed, match="one per process"):
        await UserAgent(settings).start()
    assert (await ua.probe_gateway("self")).up


def nice_of_threads(name):
    """Niceness of this process's threads of a name."""
    tasks = Path("/proc/self/task").iterdir()
    return [os.getpriority(os.PRIO_PROCESS, int(t.name)) for t in tasks if (t / "comm").read_text().strip() == name]


@pytest.mark.skipif(os.geteuid() != 0, reason="priorities are raised only with the right to")
async def test_media_threads_go_before_pythons(ua):
    ours = os.getpriority(os.PRIO_PROCESS, os.getpid())
    for name in ("clock", "media"):
        await until(lambda name=name: any(nice < ours for nice in nice_of_threads(name)), 5, name)
    assert ua.channels.in_use == 0
