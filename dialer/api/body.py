"""Reads bodies: of v1 as JSON, form or multipart (api.md §2), of the admin API as models (api.md §5)."""

from __future__ import annotations

import json
import math
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from dialer.booking import BadParameter, Refused

Model = TypeVar("Model", bound=BaseModel)


class Unprocessable(Refused):
    """The body cannot be used."""

    http_status: ClassVar[int] = 422


async def model_of(kind: type[Model], request: Request) -> Model:
    """A JSON body as a model; an empty one as an empty object.

    Raises Unprocessable: naming the first member that cannot be used.
    """
    try:
        return kind.model_validate_json((await request.body()).strip() or b"{}")
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"])) or "body"
        raise Unprocessable(f"{place}: {detail['msg'].removeprefix('Value error, ')}") from error


async def parameters_of(request: Request) -> dict[str, Any]:
    """The parameters of a v1 request, as text or, in JSON, as they are. Of a repeated key the last one counts.

    Raises BadParameter: when the body cannot be read.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    match kind:
        case "application/json":
            return _from_json(await request.body())
        case "application/x-www-form-urlencoded" | "multipart/form-data":
            return await _from_form(request)
        case _:
            if not await request.body():
                return {}
            known = "application/json, application/x-www-form-urlencoded or multipart/form-data"
            raise BadParameter(f"content-type {kind or 'is missing'}: send {known}")


def _from_json(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        found = json.loads(body, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BadParameter(f"the body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadParameter("the body is not a JSON object")
    return found


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"the number {digits[:20]} is too large")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


async def _from_form(request: Request) -> dict[str, Any]:
    async with request.form(max_files=0, max_fields=1000) as form:
        files = [key for key, value in form.multi_items() if isinstance(value, UploadFile)]
        if files:
            raise BadParameter(f"{', '.join(files)}: a file cannot be a parameter")
        return {key: value for key, value in form.multi_items() if isinstance(value, str)}
