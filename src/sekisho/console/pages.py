"""The pages: log in, list, read a pass and answer it, enrol. They need the one script beside them.

Pages read; whatever changes something goes through the API, with its token and its checks.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from sekisho.console.office import Me, Office
from sekisho.console.passes import DAMAGED_MAX, listed
from sekisho.console.statements import PassId
from sekisho.console.views import LANGUAGES, moment, sentences, text, view_of
from sekisho.kernel.fields import visible
from sekisho.kernel.finding import Finding, Refused
from sekisho.kernel.instants import parse_instant
from sekisho.kernel.money import format_btc
from sekisho.kernel.words import Language
from sekisho.passes.documents import pass_bytes
from sekisho.passes.records import Automatic, Transfer
from sekisho.passes.shown import subject_of, weak_points
from sekisho.passes.subjects import written
from sekisho.passes.verify import time_findings

LANGUAGE_COOKIE = "sekisho-language"
_YEAR_SECONDS = 31_536_000
_HELD = {"asked", "approved", "issued"}
"""States in which an answer can still matter."""
_FAULTS = 500
"""From this status on, the fault is not with whoever asks."""


class Pages:
    """Renders pages, in the reader's language."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self._environment = Environment(
            loader=PackageLoader("sekisho.console", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["visible"] = visible
        self._environment.filters["coded"] = _coded
        self._environment.filters["btc"] = format_btc

    def page(
        self, request: Request, name: str, facts: Mapping[str, object], *, status: int = 200
    ) -> Response:
        """Return a page; a language that was chosen is remembered."""
        language = language_of(request)
        html = self._environment.get_template(f"{name}.html.j2").render(
            {
                "language": language,
                "t": partial(_said, language),
                "moment": partial(moment, language=language),
                "exchange": self.office.desk.register.roster.exchange,
                "path": request.url.path,
                "me": None,
                **facts,
            }
        )
        response = HTMLResponse(html, status_code=status)
        if request.query_params.get("lang") == language:
            response.set_cookie(
                LANGUAGE_COOKIE,
                language,
                max_age=_YEAR_SECONDS,
                secure=self.office.origin.startswith("https://"),
                httponly=True,
                samesite="strict",
            )
        return response

    def me(self, request: Request) -> Me | None:
        """Return who is logged in, or nobody."""
        try:
            return self.office.me(request)
        except Refused:
            return None

    def listed(self, request: Request, who: Me, before: str) -> Response:
        """Return one page of the list of passes."""
        person_id = who.person.person_id
        with self.office.at_desk() as desk:
            found = listed(self.office, desk, person_id, limit=20, before=before)
            damaged = self.office.damaged[:DAMAGED_MAX]
        language = language_of(request)
        rows = [
            (
                each,
                moment(parse_instant(each.expires, "expires"), language),
                each.state in _HELD and not each.answered and each.requester != person_id,
            )
            for each in found.passes
        ]
        facts = {
            "me": who,
            "rows": rows,
            "older": found.before,
            "before": before,
            "damaged": sentences(damaged, language),
        }
        return self.page(request, "passes", facts)

    def shown(self, request: Request, who: Me, pass_id: str) -> Response:
        """Return the page of one pass."""
        try:
            facts = _pass_facts(self.office, pass_id, request)
        except Refused as refused:
            return self.sorry(request, 404, refused.findings, who=who)
        return self.page(request, "pass", {"me": who, **facts})

    def sorry(
        self,
        request: Request,
        status: int,
        findings: Sequence[Finding],
        *,
        who: Me | None = None,
    ) -> Response:
        """Return the page of what is not there, or cannot be shown now."""
        heading = "not_found" if status < _FAULTS else "unavailable"
        said = sentences(findings, language_of(request))
        facts = {"me": who, "findings": said, "heading": heading}
        return self.page(request, "sorry", facts, status=status)


def add_pages(app: FastAPI, pages: Pages) -> None:
    """Serve the pages and the files that they need."""
    app.mount("/static", StaticFiles(packages=[("sekisho.console", "static")]))
    app.include_router(_page_routes(pages))


def language_of(request: Request) -> Language:
    """Return the reader's language: as chosen on the page, else as their browser asks, else en."""
    for chosen in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if chosen in LANGUAGES:
            return "ja" if chosen == "ja" else "en"
    wanted = request.headers.get("accept-language", "")
    for each in wanted.split(",")[:20]:
        name = each.partition(";")[0].strip().lower().partition("-")[0]
        if name in LANGUAGES:
            return "ja" if name == "ja" else "en"
    return "en"


def _page_routes(pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def passes(
        request: Request,
        before: Annotated[str, Query(pattern=r"^([0-7][0-9A-HJKMNP-TV-Z]{25})?$")] = "",
    ) -> Response:
        who = pages.me(request)
        return _to_login() if who is None else pages.listed(request, who, before)

    @router.get("/login")
    def login(request: Request) -> Response:
        return pages.page(request, "login", {})

    @router.get("/enrol")
    def enrol(request: Request) -> Response:
        return pages.page(request, "enrol", {})

    @router.get("/passes/{pass_id}")
    def one_pass(pass_id: PassId, request: Request) -> Response:
        who = pages.me(request)
        return _to_login() if who is None else pages.shown(request, who, pass_id)

    return router


def _to_login() -> Response:
    return RedirectResponse("/login", status_code=303)


def _pass_facts(office: Office, pass_id: str, request: Request) -> dict[str, object]:
    """Return what the page of one pass shows; raises `Refused` if there is none."""
    language = language_of(request)
    with office.at_desk() as desk:
        standing = office.find(desk, pass_id)
        register = desk.register
        state = office.state(desk, standing).value
        view = view_of(register, standing, language)
        timely = sentences(time_findings(standing, now=office.clock()), language)
        subject = [line.removeprefix("  ") for line in subject_of(register, standing)]
        terminals = register.roster.terminals
        damaged = sentences(office.damaged[:DAMAGED_MAX], language)
    action = standing.asked.action
    return {
        "standing": standing,
        "asked": standing.asked,
        "state": state,
        "open": state in _HELD,
        "view": view,
        "timely": timely,
        "damaged": damaged,
        "weak": weak_points,
        "subject": subject,
        "terminals": terminals,
        "written": written(pass_bytes(standing.asked)),
        "automatic": action if isinstance(action, Automatic) else None,
        "transfer": action if isinstance(action, Transfer) else None,
    }


def _coded(text: str) -> Markup:
    """Return a text with what stands between backticks as code, and all of it escaped."""
    parts = [escape(part) for part in text.split("`")]
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup().join(
        Markup("<code>{}</code>").format(part) if index % 2 else part
        for index, part in enumerate(parts)
    )


def _said(language: Language, name: str, *facts: str) -> str:
    return text(name, language, *facts)
