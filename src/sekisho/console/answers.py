"""What the console answers when it does not do what was asked: one shape of JSON, or a page."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from sekisho.kernel.catalogue import findings_json, says
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.fields import visible
from sekisho.kernel.finding import Finding, Refused

_STATUS = {
    "console.not_logged_in": 401,
    "console.login_refused": 401,
    "console.other_origin": 403,
    "console.no_token": 403,
    "console.not_yours": 403,
    "console.ticket_invalid": 403,
    "console.pass_unknown": 404,
    "console.too_large": 413,
    "console.too_many_requests": 429,
    "console.origin_changed": 503,
}
"""Whatever else is refused conflicts with what the journal holds: 409."""
_REASON_MAX = 300
LOG = logging.getLogger("sekisho.console")
Handler: TypeAlias = Callable[[Request, Exception], Response]
Sorry: TypeAlias = Callable[[Request, int, Sequence[Finding]], Response]
"""Makes the page that says a status, and findings if there are any."""


class TooManyError(Exception):
    """Somebody asked too often."""

    def __init__(self, found: Finding, *, wait_seconds: int) -> None:
        super().__init__(str(found))
        self.found = found
        self.wait_seconds = wait_seconds


def answer(
    status: int,
    error: str,
    where: str,
    reason: str,
    *,
    findings: Sequence[Finding] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an answer that says what is wrong, and where, with findings in both languages."""
    body = {
        "error": error,
        "where": visible(where)[:_REASON_MAX],
        "reason": visible(reason)[:_REASON_MAX],
        "findings": findings_json(findings),
    }
    return JSONResponse(body, status_code=status, headers=dict(headers or {}))


def refusal(findings: Sequence[Finding], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the answer no, with every finding; the first one's code gives the status."""
    first = findings[0]
    return answer(
        _STATUS.get(first.code, 409),
        first.code,
        first.subject,
        says(first, "en"),
        findings=findings,
        headers=headers,
    )


def too_many(error: TooManyError) -> JSONResponse:
    """Return that somebody has to wait, and how long."""
    return refusal([error.found], {"Retry-After": str(error.wait_seconds)})


def handle_errors(app: FastAPI, sorry: Sorry) -> None:
    """Have every error that a route can raise answered: in that shape, or as a page."""

    def refused(_: Request, error: Exception) -> Response:
        return refusal(error.findings) if isinstance(error, Refused) else ours()

    def bad_input(_: Request, error: Exception) -> Response:
        if not isinstance(error, BadInputError):
            return ours()
        return answer(400, "bad_input", error.where, error.reason)

    def waiting(_: Request, error: Exception) -> Response:
        return too_many(error) if isinstance(error, TooManyError) else ours()

    def invalid(_: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            return ours()
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return answer(422, "bad_input", where, str(first["msg"]))

    def http(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            return ours()
        return answer(error.status_code, "http", request.url.path, str(error.detail))

    def world(_: Request, error: Exception) -> Response:
        # What failed is for whoever runs the console to read, and not for whoever asks.
        LOG.error("%s", error)
        return answer(503, "unavailable", "console", "the journal cannot be used now")

    for_its_reader = partial(_for_its_reader, sorry)
    app.add_exception_handler(Refused, for_its_reader(refused))
    app.add_exception_handler(BadInputError, for_its_reader(bad_input))
    app.add_exception_handler(TooManyError, for_its_reader(waiting))
    app.add_exception_handler(RequestValidationError, for_its_reader(invalid))
    app.add_exception_handler(HTTPException, for_its_reader(http))
    app.add_exception_handler(WorldError, for_its_reader(world))


def _for_its_reader(sorry: Sorry, handler: Handler) -> Handler:
    """Return the handler, with a page in the place of its answer to whoever asked for a page."""

    def answered(request: Request, error: Exception) -> Response:
        said = handler(request, error)
        if request.url.path.startswith(("/api/", "/static/")):
            return said
        findings = error.findings if isinstance(error, Refused) else ()
        return sorry(request, said.status_code, findings)

    return answered


def ours() -> Response:
    """Return that we are at fault, and nothing of how."""
    return answer(500, "fault", "console", "this is a fault of Sekisho's; nothing was recorded")
