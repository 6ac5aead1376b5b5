"""What to dial, and how it is written into an INVITE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dialer.telephony.names import host_of
from dialer.telephony.settings import Gateway
from dialer.telephony.sip_message import clean_header, escaped_user, quoted_display


@dataclass(frozen=True, slots=True)
class DialRequest:
    """One call to place.

    Attributes:
        gateway: name of the gateway.
        number: user part for the request URI, or a whole SIP URI.
        from_user: user part of From; empty = the gateway's user.
        display_name: of From.
        headers: further headers, by name.
        ring_timeout_s: from the first 18x to the answer; then cancelled with cause "no_answer". None = no limit.
        setup_timeout_s: from the INVITE to the first 18x; then cancelled with cause "no_progress". None = no limit.
        codecs: by preference; empty = the gateway's.
    """

    gateway: str
    number: str
    from_user: str = ""
    display_name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    ring_timeout_s: float | None = None
    setup_timeout_s: float | None = None
    codecs: tuple[str, ...] = ()


def target_uri(request: DialRequest, gateway: Gateway) -> str:
    """Gives the request URI."""
    if request.number.startswith(("sip:", "sips:")):
        return clean_header(request.number)
    scheme = "sips" if gateway.uri.startswith("sips:") else "sip"
    return f"{scheme}:{escaped_user(request.number)}@{gateway.host_port}{gateway.uri_parameters}"


def next_hop(request: DialRequest, gateway: Gateway) -> str:
    """Gives the host that the INVITE is sent to."""
    return host_of(gateway.outbound_proxy or target_uri(request, gateway))


def from_uri(request: DialRequest, gateway: Gateway) -> str:
    """Gives the From name-addr; without a caller the gateway's own user is named, nobody is made anonymous."""
    user = request.from_user or gateway.user or "dialer"
    if user.startswith(("sip:", "sips:")):
        return f"{quoted_display(request.display_name)}<{clean_header(user)}>"
    return (
        f"{quoted_display(request.display_name)}<sip:{escaped_user(user)}@{gateway.from_domain or gateway.host_port}>"
    )


def safe_headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Gives the headers with names and values that cannot break the message."""
    return [
        (name.strip(), clean_header(value))
        for name, value in headers.items()
        if name.strip() and all(c.isalnum() or c in "-_.!%*+`'~" for c in name.strip())
    ]
