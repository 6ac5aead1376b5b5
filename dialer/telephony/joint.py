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


def stand_in(call: SipCall) -> None:
    """A call that replaces another has been answered: it takes over the other's joint."""
    former, call.stands_in_for = call.stands_in_for, None
    if former is not None and former.peer is not None:
        join(call, former.peer)
