"""Answers of each family: v1 records and errors (api.md §2), problems of the admin API (§5.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Literal

from starlette.responses import JSONResponse, Response

from dialer.booking import Refused

Family = Literal["v1", "admin", "ops"]

V1_HEADERS: Final = {
    "Cache-Control": "no-cache, no-store",
    "Pragma": "no-cache",
    "Expires": "Thu, 01 Jan 1970 00:00:00 GMT",
}
V1_MEDIA_TYPE: Final = "application/json;charset=UTF-8"
PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
_V1_BY_STATUS: Final = {
    400: "BadParameter",
    401: "NotAuthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "InvalidState",
    413: "BodyTooLarge",
    500: "InternalError",
    503: "Unavailable",
}


class V1Json(JSONResponse):
    """A JSON answer of v1, never cached."""

    media_type = V1_MEDIA_TYPE

    def __init__(self, content: Any, status_code: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(content, status_code, {**V1_HEADERS, **(headers or {})})


def family_of(path: str, v1_base: str) -> Family:
    """Which API a path belongs to."""
    if path.startswith("/api/"):
        return "admin"
    return "v1" if path.startswith(f"/{v1_base}/") else "ops"


def refusal(family: Family, refused: Refused, correlation_id: str) -> Response:
    """The answer to a refused request, in the family's form."""
    headers = {"Retry-After": str(refused.retry_after_s)} if refused.retry_after_s is not None else {}
    if family == "admin":
        return problem(refused.http_status, refused.phrase, refused.message, correlation_id, headers)
    return v1_error(refused.http_status, refused.exception, refused.message, headers, refused.availability)


def failure(
    family: Family, status: int, message: str, correlation_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer for a plain HTTP status, in the family's form."""
    name = _V1_BY_STATUS.get(status, "InternalError" if status >= 500 else "BadParameter")  # 5xx are ours
    if family == "v1":
        return v1_error(status, name, message, headers)
    return problem(status, phrase_of(name), message, correlation_id, headers)


def v1_error(
    status: int,
    exception: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    availability: Mapping[str, int] | None = None,
) -> Response:
    """An error of v1 (api.md §2.2)."""
    body: dict[str, Any] = {
        "message": message, "exception": exception, "error": status, "phrase": phrase_of(exception)
    }  # fmt: skip
    if availability is not None:
        body["availability"] = dict(availability)
    return V1Json(body, status, headers)


def problem(
    status: int, code: str, detail: str, correlation_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A problem of the admin API (RFC 9457, api.md §5.1)."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "correlation_id": correlation_id,
    }
    return JSONResponse(body, status, headers, media_type=PROBLEM_MEDIA_TYPE)


def phrase_of(exception: str) -> str:
    """A class name in upper snake case."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", exception).upper()


def internal_error(family: Family, correlation_id: str) -> Response:
    """The answer when the dialer itself failed; the cause is in its log under the correlation id."""
    return failure(family, 500, f"internal error; the dialer's log tells more under {correlation_id}", correlation_id)


def body_too_large(family: Family, correlation_id: str) -> Response:
    """The answer to a body of more than 64 KiB."""
    return failure(family, 413, "the body has more than 65536 bytes", correlation_id, {"Connection": "close"})
