"""The console as one web application: guards outside, routes inside."""

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware

from sekisho.console.answers import handle_errors
from sekisho.console.enrolment import enrolment_routes
from sekisho.console.guards import BodyGuard, FaultGuard, HeadersGuard, OriginGuard, TokenGuard
from sekisho.console.login import login_routes
from sekisho.console.office import Office
from sekisho.console.pages import Pages, add_pages
from sekisho.console.passes import pass_routes
from sekisho.console.sessions import LIFETIME
from sekisho.console.statements import statement_routes
from sekisho.console.wire import Wrong

VERSION = "1"
_ABOUT = """
Passes of one exchange: list, read, approve, reject and void, with passkeys.

Every request that changes something carries the header `x-csrftoken` with what the cookie of the
token says, and comes from the console's own origin. Whatever is not done is answered with
`{error, where, reason, findings}`.
"""


def create_app(office: Office) -> FastAPI:
    """Return the application that serves one office, at its origin and at no other."""
    https = office.origin.startswith("https://")
    # A browser takes a `__Host-` cookie only over TLS, from this very host, for the whole of it.
    prefix = "__Host-" if https else ""
    app = FastAPI(
        title="Sekisho console",
        version=VERSION,
        description=_ABOUT,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses={"4XX": {"model": Wrong}, "5XX": {"model": Wrong}},
        middleware=[
            Middleware(HeadersGuard, https=https),
            Middleware(FaultGuard),
            Middleware(OriginGuard, origin=office.origin, pace=office.pace),
            Middleware(BodyGuard),
            Middleware(
                SessionMiddleware,
                secret_key=office.secret,
                session_cookie=f"{prefix}sekisho",
                max_age=int(LIFETIME.total_seconds()),
                same_site="strict",
                https_only=https,
            ),
            Middleware(
                TokenGuard,
                secret=office.secret,
                cookie_name=f"{prefix}sekisho-token",
                cookie_secure=https,
                cookie_samesite="strict",
            ),
        ],
    )
    pages = Pages(office)
    handle_errors(app, pages.sorry)
    for routes in (login_routes, enrolment_routes, pass_routes, statement_routes):
        app.include_router(routes(office))
    add_pages(app, pages)
    return app
