"""Reads what the dialer needs out of raw SIP messages. Pure text work, no library.

Malformed input gives what can be read and never raises: a far end's fault must not be ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

COMPACT = {
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "c": "content-type",
    "l": "content-length",
    "v": "via",
}
"""Compact header forms, RFC 3261 section 7.3.3."""


@dataclass(frozen=True, slots=True)
class SipMessage:
    """A parsed head of a message.

    Attributes:
        status: of a response, else 0.
        method: of a request, else of CSeq.
        headers: (lower-case name, value) in the order received.
    """

    status: int
    reason: str
    method: str
    request_uri: str
    headers: tuple[tuple[str, str], ...]
    has_body: bool

    def all(self, name: str) -> list[str]:
        """Gives every value of a header."""
        return [value for key, value in self.headers if key == name]

    def first(self, name: str) -> str:
        """Gives the first value of a header, or ""."""
        return next((value for key, value in self.headers if key == name), "")

    @property
    def q850(self) -> int | None:
        """Cause of a `Reason: Q.850;cause=n` header, RFC 3326; None without."""
        for value in self.all("reason"):
            for part in value.split(","):
                if part.strip().lower().startswith("q.850"):
                    found = re.search(r"cause\s*=\s*\"?(\d{1,3})", part, re.IGNORECASE)
                    if found:
                        return int(found[1])
        return None

    @property
    def retry_after(self) -> int | None:
        """Seconds of Retry-After, None without."""
        found = re.match(r"\s*(\d{1,9})", self.first("retry-after"))
        return int(found[1]) if found else None

    @property
    def forwarded(self) -> bool:
        """True when the message tells of forwarding: 181, Diversion (RFC 5806), or History-Info with a cause."""
        history = any("cause" in unquote(value).lower() for value in self.all("history-info"))
        return self.status == 181 or bool(self.all("diversion")) or history

    @property
    def has_sdp(self) -> bool:
        """True when a session description comes with it."""
        return self.has_body and (
            "sdp" in self.first("content-type").lower() or "multipart" in self.first("content-type").lower()
        )

    @property
    def supervised(self) -> str:
        """Value of Replaces, or ""."""
        return self.first("replaces")


def parse(raw: str) -> SipMessage:
    """Parses the head of a raw message."""
    head, _, body = raw.partition("\r\n\r\n")
    lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            key = name.strip().lower()
            headers.append((COMPACT.get(key, key), value.strip()))
    status, reason, method, uri = _start_line(lines[0])
    if status:
        method = next((v.split()[-1] for k, v in headers if k == "cseq" and v.split()), "")
    return SipMessage(status, reason, method.upper(), uri, tuple(headers), bool(body.strip()))


def _start_line(line: str) -> tuple[int, str, str, str]:
    words = line.split(" ", 2)
    if words[0].upper().startswith("SIP/") and len(words) > 1 and words[1].isdigit():
        return int(words[1]), words[2] if len(words) > 2 else "", "", ""
    return 0, "", words[0], words[1] if len(words) > 1 else ""


QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*(.*)', re.DOTALL)


def _name_and_rest(text: str) -> tuple[str, str]:
    """Splits a name-addr: its display name, unquoted, and what follows; a quoted name may contain anything."""
    quoted = QUOTED.match(text)
    if quoted:
        return re.sub(r"\\(.)", r"\1", quoted[1]), quoted[2]
    name, bracket, rest = text.partition("<")
    return (name.strip(), bracket + rest) if bracket else ("", text)


def user_of(text: str) -> str:
    """Gives the user part of a URI or of a name-addr: '"A" <sip:123@h>' -> "123"; "tel:+49…" -> "+49…"."""
    found = re.search(r"(?:sips?:([^@>]*)@|tel:([^>;]*))", _name_and_rest(text)[1])
    return unquote((found[1] or found[2] or "").split(";")[0].split(":")[0]) if found else ""


def uri_of(text: str) -> str:
    """Gives the URI of a name-addr, without its brackets and header parameters."""
    rest = _name_and_rest(text)[1]
    found = re.search(r"<([^>]+)>", rest)
    return found[1] if found else rest.split(";")[0].strip()


def display_of(text: str) -> str:
    """Gives the display name of a name-addr, unquoted, or ""."""
    return _name_and_rest(text)[0]


def quoted_display(name: str) -> str:
    """Gives a display name as a quoted string, control characters removed."""
    clean = "".join(c for c in name if c.isprintable())
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '" ' if clean else ""


SAFE_USER = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,;?/#]")


def escaped_user(user: str) -> str:
    """Gives a user part with everything escaped that RFC 3261 section 25.1 does not allow there."""
    return "".join(c if SAFE_USER.fullmatch(c) and c != "#" else "".join(f"%{b:02X}" for b in c.encode()) for c in user)


def clean_header(value: str) -> str:
    """Gives a header value without control characters: nobody injects a header through a field."""
    return "".join(c for c in value if c.isprintable() or c == "\t").strip()
