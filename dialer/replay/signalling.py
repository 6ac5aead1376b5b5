"""What the SIP messages inside a capture say about its audio: codings by number, and when the call was answered."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from dialer.replay.packets import Datagram

_RTPMAP = re.compile(rb"^a=rtpmap:(\d{1,3}) ([\w.-]+)/(\d+)", re.MULTILINE)
_CONNECTION = re.compile(rb"^c=IN IP[46] ([0-9A-Fa-f.:]+)", re.MULTILINE)
_MEDIA = re.compile(rb"^m=audio (\d+) (\S+)", re.MULTILINE)
_CALL_ID = re.compile(rb"^(?:Call-ID|i)\s*:\s*(\S+)", re.MULTILINE | re.IGNORECASE)
_CSEQ_INVITE = re.compile(rb"^CSeq\s*:\s*\d+\s+INVITE", re.MULTILINE | re.IGNORECASE)
_START = re.compile(rb"^(?:SIP/2\.0 (\d{3}) |[A-Z]{3,12} sips?:)")


@dataclass
class Signalling:
    """SIP as seen by a capture.

    Attributes:
        codings: (endpoint, payload type) -> (name, clock rate) from `a=rtpmap` (RFC 8866 section 6.6).
        calls: endpoint of audio -> Call-ID.
        answered_at_s: Call-ID -> time of the first 200 to its INVITE, seconds since the epoch.
        encrypted: endpoints whose audio is SRTP.
    """

    codings: dict[tuple[bytes, int], tuple[str, int]] = field(default_factory=dict)
    calls: dict[bytes, bytes] = field(default_factory=dict)
    answered_at_s: dict[bytes, float] = field(default_factory=dict)
    encrypted: set[bytes] = field(default_factory=set)

    def read(self, datagram: Datagram) -> bool:
        """Take in a datagram; true when it was a SIP message."""
        payload = datagram.payload
        start = _START.match(payload)
        if start is None:
            return False
        call_id = _CALL_ID.search(payload)
        if call_id is None:
            return True
        head, _, body = payload.partition(b"\r\n\r\n")
        if start.group(1) == b"200" and _CSEQ_INVITE.search(head):
            self.answered_at_s.setdefault(call_id.group(1), datagram.at_s)
        self._read_description(body, call_id.group(1))
        return True

    def _read_description(self, body: bytes, call_id: bytes) -> None:
        media, connection = _MEDIA.search(body), _CONNECTION.search(body)
        if media is None or connection is None:
            return
        try:
            address = ipaddress.ip_address(connection.group(1).decode()).packed
        except ValueError:
            return
        endpoint = address + (int(media.group(1)) & 0xFFFF).to_bytes(2, "big")
        self.calls[endpoint] = call_id
        if b"SAVP" in media.group(2):
            self.encrypted.add(endpoint)
        for number, name, rate in _RTPMAP.findall(body[media.start() :]):
            self.codings[endpoint, int(number)] = (name.decode(), int(rate))

    def coding_of(self, source: bytes, target: bytes, payload_type: int) -> tuple[str, int] | None:
        """Name and clock rate of a payload type between two endpoints, None when no SDP says."""
        return self.codings.get((target, payload_type)) or self.codings.get((source, payload_type))

    def answer_of(self, source: bytes, target: bytes) -> float | None:
        """When the call between two endpoints was answered, None when not seen."""
        call_id = self.calls.get(source) or self.calls.get(target)
        return self.answered_at_s.get(call_id) if call_id else None
