"""Transfers: those that we ask for (REFER, Replaces), and those that a far end asks us for.

When the far end of a joined leg refers us elsewhere, we call the new party; when it answers, it takes the far end's
place in the joint, and the far end, told so by NOTIFY, hangs up. When somebody comes in with Replaces, it takes the
place at once. The new leg lives as long as its partner in the joint does, so that none is left that nobody owns.
Every function runs on the SIP thread.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pjsua2 as pj

from dialer.telephony import joint
from dialer.telephony.event import Transferred
from dialer.telephony.incoming import incoming_leg
from dialer.telephony.leg import Leg
from dialer.telephony.sip_message import uri_of

if TYPE_CHECKING:
    from dialer.telephony.engine import Engine
    from dialer.telephony.sip_call import SipCall

DECLINE = 603
ACCEPTED = 202


def refer(call: SipCall, uri: str) -> None:
    """Sends the far end of a call elsewhere."""
    call.xfer(uri, pj.CallOpParam(True))


def refer_to_each_other(call: SipCall, other: SipCall) -> None:
    """Has the far end of `call` take our place towards the far end of `other`."""
    call.xferReplaces(other, pj.CallOpParam(True))


def allowed(engine: Engine, call: SipCall) -> bool:
    """True when the call's far end may put somebody else in its place."""
    wish = engine.settings.follow_refer
    return wish == "always" or (wish == "joined" and bool(call.peers))


def requested(engine: Engine, call: SipCall, prm: Any) -> None:
    """REFER came: the library will call the new party with the call that is given here."""
    if not allowed(engine, call):
        prm.statusCode = DECLINE
        return
    gateway = call.account.gateway.name if call.account.gateway else ""
    leg = Leg(engine, engine.new_key(), "out", gateway, uri_of(prm.dstUri))
    _take_place(engine, call, leg, prm)
    prm.statusCode = ACCEPTED
    engine.thread.tell(call.leg.take, Transferred(time.monotonic(), prm.dstUri, leg))


def replaced(engine: Engine, call: SipCall, prm: Any) -> None:
    """INVITE with Replaces came: the library answers it with the call that is given here, and ends the old one."""
    if not allowed(engine, call):
        prm.statusCode = DECLINE
        return
    leg = incoming_leg(engine, prm.rdata)
    _take_place(engine, call, leg, prm)
    engine.thread.tell(call.leg.take, Transferred(time.monotonic(), leg.caller_uri, leg))


def _take_place(engine: Engine, call: SipCall, leg: Leg, prm: Any) -> None:
    fresh = engine.new_call(call.account, leg)
    fresh.facts.mark("invite")
    if call.peers:
        joint.promise(fresh, call)
    engine.no_extra_media(prm)
    prm.newCall = fresh
    engine.thread.tell(engine.take_channel, leg)
