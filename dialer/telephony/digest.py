"""Digest authentication of requests that the native library sends without it (OPTIONS outside a call).

Source: RFC 3261 section 22, RFC 7616; algorithms of RFC 8760.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable

HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}
PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


def challenge_of(header: str) -> dict[str, str]:
    """Gives the parameters of a challenge (WWW-Authenticate and the like), names in lower case; empty if no Digest."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "digest":
        return {}
    return {name.lower(): quoted or plain for name, quoted, plain in PARAMETER.findall(rest)}


def answer_to(
    header: str, *, method: str, uri: str, user: str, password: str, realm: str = "*", cnonce: str | None = None
) -> str | None:
    """Gives the value of the Authorization (or Proxy-Authorization) header that answers a challenge.

    Args:
        header: the challenge.
        method: of the request to be sent again.
        uri: its request URI.
        user: of the credentials.
        password: of the credentials.
        realm: for which they are; "*" answers any.
        cnonce: client nonce; a random one by default.

    Returns:
        None when the challenge is not one that can be answered: no Digest, another realm, an unknown algorithm.
    """
    asked = challenge_of(header)
    digest = HASHES.get(asked.get("algorithm", "MD5").upper())
    if "nonce" not in asked or digest is None or realm not in {"*", asked.get("realm", "")}:
        return None
    cnonce = cnonce or secrets.token_hex(8)
    first = digest(f"{user}:{asked.get('realm', '')}:{password}".encode())
    second = digest(f"{method}:{uri}".encode())
    with_qop = "auth" in [word.strip() for word in asked.get("qop", "").split(",")]
    middle = f"{asked['nonce']}:00000001:{cnonce}:auth" if with_qop else asked["nonce"]
    parts = {
        "username": f'"{user}"',
        "realm": f'"{asked.get("realm", "")}"',
        "nonce": f'"{asked["nonce"]}"',
        "uri": f'"{uri}"',
        "response": f'"{digest(f"{first}:{middle}:{second}".encode())}"',
        "algorithm": asked.get("algorithm", "MD5"),
    }
    if "opaque" in asked:
        parts["opaque"] = f'"{asked["opaque"]}"'
    if with_qop:
        parts |= {"qop": "auth", "nc": "00000001", "cnonce": f'"{cnonce}"'}
    return "Digest " + ", ".join(f"{name}={value}" for name, value in parts.items())
