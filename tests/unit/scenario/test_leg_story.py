"""What a call's journal tells of a leg."""

from dialer.scenario.leg_story import words_of_rtp
from dialer.telephony import RtpStats


def test_audio_is_told_in_figures():
    heard = RtpStats(rx_packets=44, loss_pct=2.5, jitter_ms=0.14, mos=4.2, tx_packets=40)
    assert words_of_rtp(heard) == "RTP 44 received, 2.5 % lost, jitter 0.1 ms, MOS 4.2"


def test_a_leg_without_audio_tells_what_else_came_and_went():
    assert words_of_rtp(RtpStats(tx_packets=250, foreign=3)) == (
        "no RTP received, 250 packets sent, 3 of others dropped"
    )
