"""Who may use a door: API keys, HTTP Basic, or nobody asked (api.md §1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request

from dialer.booking import Booking, Refused
from dialer.callback.record import Callback
from dialer.config import DialerConfig


class NotAuthorized(Refused):
    """The request carries no valid credentials."""

    http_status: ClassVar[int] = 401

    def __init__(self, message: str, challenge: str) -> None:
        super().__init__(message)
        self.challenge = challenge


class Forbidden(Refused):
    """These credentials do not allow it."""

    http_status: ClassVar[int] = 403


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        name: of the key or user; "anonymous" where nobody is asked.
        services: which ones it may use; empty: all.
    """

    name: str
    services: tuple[str, ...] = ()

    def allow(self, service: str) -> None:
        """Lets the caller use a service.

        Raises Forbidden: when it may not.
        """
        if self.services and service not in self.services:
            raise Forbidden(f"{self.name} may not use service {service}")


async def callback_for(
    gate: Gatekeeper, request: Request, booking: Booking, callback_id: str
) -> tuple[Caller, Callback]:
    """A callback that the caller of the admin API may see, and who that is.

    Raises NotAuthorized, NotFound, Forbidden: when there is none for this caller.
    """
    caller = gate.admin(request)
    found = await booking.get(callback_id)
    caller.allow(found.service)
    return caller, found


@dataclass(frozen=True, slots=True)
class _Key:
    name: str
    digest: str
    scopes: frozenset[str]
    services: tuple[str, ...]


class Gatekeeper:
    """Checks credentials against the configuration. Secrets are compared as hashes, in constant time."""

    def __init__(self, config: DialerConfig, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._v1_auth = config.api.v1.auth
        self._admin_auth = config.api.admin.auth
        self._keys = [
            _Key(name, key.key_sha256 or _digest(environment.get(key.key_env or "", "")), key.scopes, key.services)
            for name, key in config.api.keys.items()
            if key.key_sha256 or environment.get(key.key_env or "")
        ]
        self._users = {
            name: (_digest(environment[user.password_env]), user.services)
            for name, user in config.api.v1.basic_users.items()
            if environment.get(user.password_env)
        }

    def v1(self, request: Request) -> Caller:
        """Who calls v1.

        Raises NotAuthorized: without valid credentials.
        Raises Forbidden: when the key lacks the scope `callback`.
        """
        match self._v1_auth:
            case "none":
                return Caller("anonymous")
            case "basic":
                return self._basic(request)
            case _:
                return self._key(request.headers.get("x-api-key"), "callback")

    def admin(self, request: Request) -> Caller:
        """Who calls the admin API: a key with scope `admin`, in `x-api-key` or as bearer token.

        Raises NotAuthorized: without one.
        Raises Forbidden: when the key lacks the scope.
        """
        if self._admin_auth == "none":
            return Caller("anonymous")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = request.headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else None)
        return self._key(given, "admin")

    def _key(self, given: str | None, scope: str) -> Caller:
        if not given:
            raise NotAuthorized("an API key is missing; send it in the header x-api-key", "ApiKey")
        digest = _digest(given)
        found = [key for key in self._keys if hmac.compare_digest(key.digest, digest)]
        if not found:
            raise NotAuthorized("the API key is not known here", "ApiKey")
        if scope not in found[0].scopes and "admin" not in found[0].scopes:
            raise Forbidden(f"API key {found[0].name} lacks the scope {scope}")
        return Caller(found[0].name, found[0].services)

    def _basic(self, request: Request) -> Caller:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = password = ""
        digest, services = self._users.get(user, ("", ()))
        if scheme.lower() != "basic" or not hmac.compare_digest(digest, _digest(password)):
            raise NotAuthorized("user name or password is missing or wrong", 'Basic realm="callback"')
        return Caller(user, services)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
