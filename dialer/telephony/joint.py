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


def promise(call: SipCall, partner: SipCall | None) -> None:
    """Has a call, when it is answered, take the place beside `partner`; with the partner it ends, joined or not."""
    call.partner = partner
    if partner is not None:
        partner.followers.append(call)


def stand_in(call: SipCall) -> None:
    """A call that was promised a place has been answered: it takes it."""
    if call.partner is not None and not call.partner.over:
        join(call, call.partner)


def abandoned(call: SipCall) -> list[SipCall]:
    """Gives the calls that were there only for the sake of one that is over: nobody else owns them."""
    return [follower for follower in call.followers if not follower.over]
