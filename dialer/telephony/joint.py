"""Who hears whom. Every function runs on the SIP thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pjsua2 as pj

if TYPE_CHECKING:
    from dialer.telephony.sip_call import SipCall


def join(one: SipCall, other: SipCall) -> None:
    """Joins two calls both ways; what plays on them stops, former joints of theirs are undone."""
    for call in (one, other):
        part(call)
        call.audio.stop(0)
    one.peer, other.peer = other, one
    pj.join_calls(one.getId(), other.getId())


def rejoin(call: SipCall) -> None:
    """Makes the joint again after the call's place in the bridge changed."""
    if call.peer is not None:
        pj.join_calls(call.getId(), call.peer.getId())


def part(call: SipCall) -> None:
    """Parts a call from whom it is joined with."""
    peer, call.peer = call.peer, None
    if peer is not None:
        peer.peer = None
        pj.part_calls(call.getId(), peer.getId())


def promise(call: SipCall, partner: SipCall) -> None:
    """Has a call, when it is answered, take the place beside `partner`; with the partner it ends, joined or not."""
    call.partner = partner.leg
    partner.followers.append(call.leg)
