"""How a number outside is called for a service: its customers', and any that a call of theirs is sent on to."""

from __future__ import annotations

from dialer.callback.options import ServiceOptions
from dialer.config import DialerConfig
from dialer.telephony import DialRequest


def prefixed(service: ServiceOptions, number: str) -> str:
    """A telephone number as the service's trunk wants it dialled."""
    return f"{service.dial_prefix}{number.lstrip('+')}"


def outward_request(config: DialerConfig, service: ServiceOptions, callback_id: str, dialled: str) -> DialRequest:
    """A call that leaves where calls to the service's customers do, and shows whom they show.

    Args:
        config: has the service's route point, or trunk group.
        service: whose call it is.
        callback_id: told to the far side.
        dialled: digits with prefix, or a SIP address.
    """
    point = config.customer_point_of(service)
    return DialRequest(
        gateway=point.gateway,
        number=dialled,
        from_user=service.caller_number or point.caller_number,
        display_name=service.caller_name or point.caller_name,
        headers={**service.call_headers, "X-Callback-Id": callback_id},
    )
