"""`[push.http.<name>]`: servers of the operator's own that bring messages to customers' devices (options.md §12)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from dialer.config.table import Table

MAX_TIMEOUT_S = 60


class HttpPushTable(Table):
    """`[push.http.<name>]`: one receiver; each body is signed with the secret."""

    url: str
    secret: SecretStr = SecretStr("")
    secret_env: str | None = None
    timeout_s: Annotated[float, Field(gt=0, le=MAX_TIMEOUT_S)] = 5.0

    @field_validator("url")
    @classmethod
    def _http(cls, url: str) -> str:
        if not re.fullmatch(r"https?://[^\s/@]+(?:/\S*)?", url):
            raise ValueError(f'{url!r} is not an http or https URL; write e.g. "https://push.example.com/callback"')
        return url

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.secret.get_secret_value() and self.secret_env:
            raise ValueError("secret and secret_env are both set; keep one, best secret_env")
        return self

    def key(self, environment: Mapping[str, str] | None = None) -> str:
        """The secret itself; empty when messages are not signed."""
        if self.secret_env is None:
            return self.secret.get_secret_value()
        return (os.environ if environment is None else environment).get(self.secret_env, "")


class PushTable(Table):
    """`[push]`: how messages reach customers' devices."""

    http: dict[str, HttpPushTable] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _no_fcm_yet(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "fcm" in value:
            raise ValueError("this version does not reach FCM by itself yet; write [push.http.NAME]")
        return value
