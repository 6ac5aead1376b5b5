"""Makes the leg of a call that came in. Runs on the SIP thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dialer.telephony.leg import IncomingLeg
from dialer.telephony.sip_message import display_of, parse, uri_of, user_of

if TYPE_CHECKING:
    from dialer.telephony.engine import Engine


def incoming_leg(engine: Engine, received: Any) -> IncomingLeg:
    """Reads an INVITE.

    Args:
        engine: who owns the leg.
        received: pjsua2's SipRxData.
    """
    message = parse(received.wholeMsg)
    called, caller = message.request_uri, message.first("from")
    leg = IncomingLeg(engine, engine.new_key(), "in", "", user_of(called), message.first("call-id"))
    leg.called_uri, leg.called_number = called, leg.number
    leg.caller, leg.caller_uri, leg.caller_name = user_of(caller), uri_of(caller), display_of(caller)
    leg.headers = dict(reversed(message.headers))  # the first of equal names counts
    leg.source = received.srcAddress
    return leg
