"""`[push.http.<name>]`: messages as signed POSTs to a server of the operator's own (api.md §4)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from dialer.callback.push import PushTarget
from dialer.push.poster import Delivery, Poster


@dataclass(frozen=True, slots=True)
class HttpChannel:
    """One configured receiver.

    Attributes:
        secret: signs each body; empty: unsigned.
        timeout_s: of one try, seconds.
    """

    url: str
    secret: str = field(repr=False)
    timeout_s: float
    poster: Poster

    async def send(self, target: PushTarget, message: Mapping[str, str], *, debug: bool = False) -> Delivery:
        """Tries once. The message carries the device as `target`, and `debug` where that is asked for."""
        content = {**message, "target": target.target} | ({"debug": "true"} if debug else {})
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"x-signature": signature(self.secret, body)} if self.secret else {}
        return await self.poster.post(self.url, body, headers, self.timeout_s)


def signature(secret: str, body: bytes) -> str:
    """Value of `x-signature`: HMAC-SHA-256 of the body (RFC 2104), in hexadecimal.

    Examples:
        >>> signature("key", b"The quick brown fox jumps over the lazy dog")[:23]
        'sha256=f7bc83f430538424'
    """
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
