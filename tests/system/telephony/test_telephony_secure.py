"""TLS and SRTP, with certificates made for the test."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from telephony_peers import Arrivals, free_port, strongest_hz, talk, with_gateway, write_tone

from dialer.telephony import DialRequest, Playlist, StartFailed


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1, signed by itself: (certificate, key)."""
    if shutil.which("openssl") is None:
        pytest.fail("openssl is not installed: apt-get install openssl")
    folder = tmp_path_factory.mktemp("tls")
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    extension = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [*words, *extension, "-keyout", "key.pem", "-out", "cert.pem"], cwd=folder, check=True, capture_output=True
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def tls_settings(settings, certificate):
    port = free_port(1)
    secure = replace(
        settings, tls_port=port, tls_certificate=certificate[0], tls_key=certificate[1], tls_ca=certificate[0]
    )
    return with_gateway(secure, uri=f"sip:127.0.0.1:{port}", transport="tls", srtp="mandatory")


async def test_tls_and_srtp_carry_a_call(start, tls_settings, tmp_path):
    ua = await start(tls_settings)
    arrivals = Arrivals(ua)
    tone = write_tone(tmp_path / "t.wav", 600, 3)
    async with talk(ua, arrivals, gateway="peer") as (leg, far):
        assert "TLS" in far.headers["via"]
        await leg.play(Playlist([tone]))
        await asyncio.sleep(0.5)
        since = ua.taps.written(far.tap_row)
        await asyncio.sleep(0.4)
        assert strongest_hz(ua.taps.read(far.tap_row, since)) == pytest.approx(600, abs=5)


async def test_srtp_optional_talks_to_a_far_end_without(start, settings):
    plain = replace(settings, srtp="off")
    ua = await start(with_gateway(plain, uri=settings.gateways["self"].uri, srtp="optional"))
    arrivals = Arrivals(ua)
    async with talk(ua, arrivals, gateway="peer") as (leg, _):
        await asyncio.sleep(0.3)
        assert leg.timestamps.first_rtp is not None


async def test_srtp_mandatory_refuses_a_far_end_without(start, settings):
    ua = await start(with_gateway(replace(settings, srtp="off"), uri=settings.gateways["self"].uri, srtp="mandatory"))
    Arrivals(ua)
    end = await asyncio.wait_for((await ua.dial(DialRequest("peer", "1"))).ended, 5)
    assert (end.sip_status, end.cause) == (488, "not_acceptable")


async def test_a_certificate_that_nobody_vouches_for_is_refused(start, tls_settings, tmp_path):
    words = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=other",
        "-keyout",
        "k.pem",
        "-out",
        "c.pem",
    ]
    await asyncio.to_thread(subprocess.run, words, cwd=tmp_path, check=True, capture_output=True)
    ua = await start(replace(tls_settings, tls_ca=tmp_path / "c.pem"))
    end = await asyncio.wait_for((await ua.dial(DialRequest("peer", "1"))).ended, 5)
    assert (end.cause, end.ended_by, end.local) == ("transport", "network", True)


async def test_an_unreadable_certificate_is_told(start, tls_settings, tmp_path):
    with pytest.raises(StartFailed, match=r"tls|TLS|certificate"):
        await start(replace(tls_settings, tls_certificate=tmp_path / "none.pem"))


async def test_encrypted_audio_is_what_was_sent(start, tls_settings, tmp_path):
    ua = await start(tls_settings)
    arrivals = Arrivals(ua)
    async with talk(ua, arrivals, gateway="peer") as (leg, far):
        await far.play(Playlist([write_tone(tmp_path / "t.wav", 600, 3)]))
        await asyncio.sleep(1)
        audio = ua.taps.read(leg.tap_row, ua.taps.written(leg.tap_row) - 1600)
        assert np.abs(audio).max() == pytest.approx(8000, rel=0.05)
        assert ua.taps.figures_of(leg.tap_row).lost <= 5
