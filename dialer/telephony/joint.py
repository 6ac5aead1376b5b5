"""Who hears whom: calls that are joined all hear each other. Every function runs on the SIP thread.

A link is made only between those who speak with each other: two legs are two links, as ever, and nothing is mixed until
a third comes in.
"""

from __future__ import annotations

import logging
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pjsua2 as pj

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dialer.telephony.sip_call import SipCall

log = logging.getLogger(__name__)

DIGIT_MS = 160  # of a digit that is passed on; how long it was pressed is not told before its end


def join(calls: Sequence[SipCall]) -> None:
    """Joins calls, each with all others; what plays on them stops, their joints with anybody else are undone.

    One alone is only parted from all others, and what plays on it goes on. Links that exist already are left as they
    are: who speaks loses no frame when a third comes in.
    """
    members = list(dict.fromkeys(calls))
    for call in members:
        leave(call, [peer for peer in call.peers if peer not in members])
        if len(members) > 1:
            call.audio.stop(0)
    for one, other in combinations(members, 2):
        if other not in one.peers:
            one.peers.append(other)
            other.peers.append(one)
            pj.join_calls(one.getId(), other.getId())


def rejoin(call: SipCall) -> None:
    """Makes the joints again after the call's place in the bridge changed."""
    for peer in call.peers:
        pj.join_calls(call.getId(), peer.getId())


def part(call: SipCall) -> None:
    """Parts a call from all with whom it is joined; the others stay joined."""
    leave(call, list(call.peers))


def leave(call: SipCall, peers: Sequence[SipCall]) -> None:
    """Undoes a call's joints with some."""
    for peer in peers:
        call.peers.remove(peer)
        peer.peers.remove(call)
        pj.part_calls(call.getId(), peer.getId())


def promise(call: SipCall, replaced: SipCall) -> None:
    """Has a call, when it is answered, take the place of another; with the one spoken to it ends, joined or not."""
    partner = replaced.peers[0]
    call.partner, call.replaces = partner.leg, replaced.leg
    partner.followers.append(call.leg)


def take_place(call: SipCall, partner: SipCall) -> None:
    """Joins an answered call with its partner and whom that one hears; the one it was promised to replace leaves."""
    stay = [peer for peer in partner.peers if peer.leg is not call.replaces]
    join([partner, *stay, call])


def pass_digit(call: SipCall, digit: str) -> None:
    """Sends a digit on to all with whom a call is joined: events of RFC 4733 do not go through the bridge."""
    for peer in call.peers:
        prm: Any = pj.CallSendDtmfParam()
        prm.method, prm.duration, prm.digits = pj.PJSUA_DTMF_METHOD_RFC2833, DIGIT_MS, digit
        try:
            peer.sendDtmf(prm)
        except pj.Error as fault:
            log.info("digit not passed on to %r: %s", peer.leg, fault.reason)
