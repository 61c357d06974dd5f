"""What every request passes before any route sees it, and every answer carries.

1. Security headers on every answer: no foreign script, frame, style or referrer.
2. The host is the console's own, and a request that changes something comes from its own page.
3. No client asks too often.
4. A body is small, and JSON in it is unambiguous: no duplicate keys, fractions, huge numbers or
   deep nesting.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette_csrf.middleware import CSRFMiddleware

from sekisho.console.answers import LOG, TooManyError, answer, ours, refusal, too_many
from sekisho.console.pace import Act, Pace
from sekisho.kernel.canonical import parse_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import finding

BODY_MAX_BYTES = 128 * 1024
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "publickey-credentials-get=(self), publickey-credentials-create=(self), "
        "camera=(), microphone=(), geolocation=()"
    ),
    "Cache-Control": "no-store",
}


class HeadersGuard:
    """Puts the security headers on every answer, whoever made it."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = dict(_HEADERS)
        if https:
            self._headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, marked if scope["type"] == "http" else send)


class FaultGuard:
    """Answers for whatever goes wrong inside; what it was is for the log alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun |= message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            if scope["type"] != "http" or begun:
                raise
            LOG.exception("a fault while answering %s", scope["path"])
            await ours()(scope, receive, send)


class OriginGuard:
    """Lets nothing in that was sent to another host, or that another site's page sent."""

    def __init__(self, app: ASGIApp, *, origin: str, pace: Pace) -> None:
        self._app = app
        self._origin = origin
        self._host = urlsplit(origin).netloc
        self._pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        found = self._wrong(scope)
        if found is not None:
            await found(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _wrong(self, scope: Scope) -> Response | None:
        client = scope.get("client") or ("unknown", 0)
        try:
            self._pace.take(Act.REQUEST, str(client[0]))
        except TooManyError as error:
            return too_many(error)
        headers = Headers(scope=scope)
        other = headers.get("host", "") != self._host
        if scope["method"] not in SAFE:
            # Browsers send both with every request that changes something; a page's script cannot
            # set either.
            other |= headers.get("origin", "") != self._origin
            other |= headers.get("sec-fetch-site", "same-origin") != "same-origin"
        return refusal([finding("console.other_origin", self._origin)]) if other else None


class BodyGuard:
    """Reads a body whole, if it is small, and hands on only JSON that reads in one way."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http" or scope["method"] in SAFE:
            await self._app(scope, receive, send)
            return
        body = await _body(scope, receive)
        wrong: Response | None
        if body is None:
            wrong = refusal([finding("console.too_large", "body", limit_bytes=BODY_MAX_BYTES)])
        else:
            wrong = _wrong_body(body, Headers(scope=scope))
        if wrong is not None:
            await wrong(scope, receive, send)
            return
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, send)


class TokenGuard(CSRFMiddleware):
    """The library's double-submitted token, refused in our words."""

    def _get_error_response(self, request: Request) -> Response:
        return refusal([finding("console.no_token", request.url.path[:80])])


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """Return the body, or None as soon as it is too large, however large it says it is."""
    said = Headers(scope=scope).get("content-length", "0")
    if not said.isascii() or not said.isdigit() or int(said[:12]) > BODY_MAX_BYTES:
        return None
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""  # the client went away
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_MAX_BYTES:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _wrong_body(body: bytes, headers: Headers) -> Response | None:
    if not body:
        return None
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return answer(415, "bad_input", "content-type", "is not application/json")
    try:
        parse_json(body, "body")
    except BadInputError as error:
        return answer(400, "bad_input", error.where, error.reason)
    return None
