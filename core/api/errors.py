"""Errors as JSON: `{"error": {"code", "message"}}`, with the sentence that the command line would print.

404: there is no such thing. 409: well asked, but not possible as things stand. 422: the request does not fit the
description. 503: the store cannot be used at the moment.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from core.api.text import Json
from core.datasets.errors import DataError
from core.errors import NotFoundError, UserError
from core.store.remote import ArtifactTroubleError
from core.store.trouble import StoreTroubleError
from core.training.config import ConfigError

log = logging.getLogger("unconfound.api")

_LONGEST_PLACE = 120
_CODES = {
    400: "bad_request",
    401: "no_token",
    403: "writing_is_off",
    404: "not_found",
    405: "wrong_method",
    409: "not_possible",
    413: "too_large",
    422: "invalid",
    500: "internal",
    503: "unavailable",
}
_STATUS: tuple[tuple[type[UserError], int], ...] = (
    (NotFoundError, 404),
    (StoreTroubleError, 503),
    (ArtifactTroubleError, 503),
    (ConfigError, 422),
    (DataError, 422),
    (UserError, 409),
)
_SENTENCES = {
    400: "The body cannot be read. Send JSON, or the form that the description of this address asks for.",
    404: "There is nothing at this address. GET /api/v1/openapi.json lists what there is.",
    405: "This address does not take that method. GET /api/v1/openapi.json says what it takes.",
}


class Problem(BaseModel):
    """What is wrong, for a program and for a person."""

    code: str = Field(description="One word for a program", examples=["not_found"])
    message: str = Field(
        description="One or two sentences: what is wrong, where, what to do",
        examples=["There is no run 'reviews'. List them with: python -m core run list"],
    )


class ErrorAnswer(BaseModel):
    """Every answer that is not a success."""

    error: Problem


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Error answers for the description of an operation."""
    titles = {
        400: "The body cannot be read",
        401: "No token, or a wrong one",
        403: "The server takes no writes: it has no token",
        404: "There is no such thing",
        409: "Not possible as things stand",
        413: "The body is too large",
        422: "The request does not fit this description",
        503: "The store cannot be used at the moment",
    }
    return {status: {"model": ErrorAnswer, "description": titles[status]} for status in statuses}


READS = documented(404, 422, 503)
WRITES = documented(400, 401, 403, 404, 409, 413, 422, 503)


def answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error answer."""
    return Json(
        {"error": {"code": _CODES.get(status, "error"), "message": message}}, status, headers=dict(headers or {})
    )


def add_handlers(api: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Let every error of the application leave as JSON; what nobody foresaw goes to the log, not to the caller.

    Args:
        routes: all of the application, to say which methods an address takes.
    """

    def of_user(_request: Request, error: Exception) -> Response:
        return answer(next(status for kind, status in _STATUS if isinstance(error, kind)), str(error))

    def of_request(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer(422, _in_words(error.errors()[0]))

    def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_methods(routes, request))
        return answer(error.status_code, _SENTENCES.get(error.status_code, str(error.detail)), headers)

    def of_ours(_request: Request, error: Exception) -> Response:
        log.exception("a request to the API failed", exc_info=error)
        return answer(500, "This request stopped on an error of ours. The server's log has the details.")

    api.add_exception_handler(UserError, of_user)
    api.add_exception_handler(RequestValidationError, of_request)
    api.add_exception_handler(HTTPException, of_http)
    api.add_exception_handler(Exception, of_ours)


def _in_words(first: Mapping[str, Any]) -> str:
    """The first fault of a request. What was sent is not repeated, only its place."""
    where, *path = first["loc"]
    if first["type"] == "json_invalid":
        return "The body is no JSON. Send one JSON object."
    place = ".".join(str(part) for part in path)[:_LONGEST_PLACE]
    named = f"{place!r} in the {where}" if place else f"The {where}"
    if first["type"] == "extra_forbidden":
        return f"There is no {named}. Leave it out; GET /api/v1/openapi.json lists what there is."
    if first["type"] == "missing":
        return f"{named} is missing." if place else f"{named} is missing. Send what this address asks for."
    return f"{named} is not usable: {first['msg']}."


def _methods(routes: Sequence[BaseRoute], request: Request) -> list[str]:
    """Every method that some route takes at this address."""
    found: set[str] = set()
    for route in routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return sorted(found)
