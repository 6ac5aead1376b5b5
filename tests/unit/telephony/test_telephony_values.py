from dataclasses import replace

import pytest

from dialer.telephony import Gateway, GatewayHealth, SettingsError, UserAgentSettings
from dialer.telephony.channels import Channels
from dialer.telephony.ending import CAUSE_OF_STATUS, LegTimes, cause_of_status, moment, mos_estimate, rtp_stats
from dialer.telephony.facts import LegFacts


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"codecs": ("PCMU", "MP3")}, "unknown codec 'MP3'"),
        ({"codecs": ()}, "no codec is left"),
        ({"udp_port": None}, "every transport is off"),
        ({"tls_port": 5061}, "tls_certificate"),
        ({"max_channels": 4000}, "1 to 2048"),
        ({"rtp_port_range": (40000, 40099)}, "fewer than two ports"),
    ],
)
def test_impossible_settings_are_refused_with_what_is_wrong(fields, words):
    with pytest.raises(SettingsError, match=words):
        replace(UserAgentSettings(), **fields)


def test_a_gateway_without_a_sip_uri_is_refused():
    with pytest.raises(SettingsError, match="no SIP URI"):
        Gateway("g", "192.0.2.1")


def test_a_password_is_not_shown():
    assert "secret" not in repr(Gateway("g", "sip:h", user="u", password="secret"))


@pytest.mark.parametrize(
    ("uri", "transport", "parameters"),
    [
        ("sip:h:5060", "udp", ""),
        ("sip:h", "tls", ";transport=tls"),
        ("sip:h;transport=tcp", "udp", ";transport=tcp"),
        ("sip:h;lr", "tcp", ";transport=tcp;lr"),
    ],
)
def test_the_transport_stands_in_the_request_uri_once(uri, transport, parameters):
    assert Gateway("g", uri, transport=transport).uri_parameters == parameters


def test_channels_are_limited_per_gateway_and_in_all():
    channels = Channels(3, {"a": 2, "b": None})
    assert [channels.take("a"), channels.take("a"), channels.take("a")] == [True, True, False]
    assert [channels.take("b"), channels.take("b")] == [True, False]
    channels.give_back("a")
    assert channels.take("b")
    assert channels.use.by_gateway == {"a": 1, "b": 2}
    assert channels.use.free == 0


def test_every_final_status_has_a_word():
    assert {status: cause_of_status(status) for status in CAUSE_OF_STATUS} == CAUSE_OF_STATUS
    assert [cause_of_status(s) for s in (302, 499, 599, 699)] == ["redirect", "failure", "failure", "rejected"]


def test_the_mos_estimate_falls_with_loss_and_delay():
    clean = mos_estimate(0, 20)
    assert clean == pytest.approx(4.4, abs=0.05)
    assert clean > mos_estimate(1, 20) > mos_estimate(5, 20) > mos_estimate(20, 20) > 1
    assert mos_estimate(0, 300) < clean
    assert mos_estimate(100, 5000) == 1.0


def test_rtp_figures_count_loss_of_what_was_expected():
    stats = rtp_stats(90, 10, 0, 1.234, 100, 0, 0)
    assert (stats.loss_pct, stats.jitter_ms) == (10.0, 1.23)
    assert rtp_stats(0, 0, 0, 0, 0, 0, 0).mos == 0.0


def test_the_first_of_equal_moments_counts():
    times = LegTimes().with_first("ringing", moment(5.0, 10.0, 1000.0)).with_first("ringing", moment(6.0, 10.0, 1000.0))
    assert times.ringing is not None
    assert times.ringing.mono == 5.0
    assert times.ringing.wall.timestamp() == 995.0


def test_progress_never_goes_back():
    facts = LegFacts()
    for word in ("trying", "ringing", "session_progress"):
        facts.advance(word)
    assert facts.progress == "ringing"


def test_health_changes_with_the_answers_of_the_gateway():
    new = GatewayHealth("g")
    assert (new.known, new.up) == (False, False)
    up = new.after(200, 0.012)
    assert (up.known, up.up, up.last_status, up.rtt_ms) == (True, True, 200, 12.0)
    assert up.after(404, 0.01).up
    assert up.after(200, 0.01).since == up.since
    for status in (401, 403, 408, 500, 503):
        assert not up.after(status, 0.01).up
