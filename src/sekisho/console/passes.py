"""Routes: which passes there are, where one stands, and its bundle for one's own machine."""

from itertools import islice
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import StreamingResponse

from sekisho.console.office import Me, Office
from sekisho.console.pace import Act
from sekisho.console.statements import PassId
from sekisho.console.wire import PassLine, PassList, PassShown, found
from sekisho.kernel.canonical import Json
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.instants import format_instant
from sekisho.passes.flow import Desk, bundle_of
from sekisho.passes.records import Admin, Automatic, Pass, Transfer
from sekisho.passes.shown import outcomes_json, standing_json, subject_of
from sekisho.passes.verify import Standing, standing_of, time_findings

PAGE_MAX = 50
DAMAGED_MAX = 20
"""The first ones are enough to know that something is wrong, and where."""


def pass_routes(office: Office) -> APIRouter:
    """Return the routes under `/api/passes` that read."""
    router = APIRouter(prefix="/api/passes", tags=["passes"])
    LoggedIn = Annotated[Me, Depends(office.me)]  # noqa: N806 - a type, in the shape FastAPI reads

    @router.get("")
    def list_passes(
        who: LoggedIn,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 20,
        before: Annotated[str, Query(pattern=r"^([0-7][0-9A-HJKMNP-TV-Z]{25})?$")] = "",
    ) -> PassList:
        """List passes, the newest first."""
        with office.at_desk() as desk:
            return listed(office, desk, who.person.person_id, limit=limit, before=before)

    @router.get("/{pass_id}")
    def show_pass(pass_id: PassId, who: LoggedIn) -> PassShown:  # noqa: ARG001 - only people see it
        """Show what a pass allows, who said what of it, what is missing, and what policy says."""
        with office.at_desk() as desk:
            standing = office.find(desk, pass_id)
            return PassShown.model_validate(shown(office, desk, standing))

    @router.get("/{pass_id}/bundle", response_class=StreamingResponse)
    def bundle(pass_id: PassId, request: Request, who: LoggedIn) -> StreamingResponse:
        """Return the bundle of a pass, to be reviewed and signed on one's own machine.

        It ends at the last checkpoint that was signed. A pass that was asked for after that is
        not in it yet: the console holds no key that signs checkpoints.
        """
        office.take(Act.EXPORT, request, who.person.person_id)
        note, size = office.checkpoint()
        with office.at_desk() as desk:
            lines = bundle_of(desk, office.find(desk, pass_id).digest, note, size=size)
        return StreamingResponse(
            lines,
            media_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="{pass_id}.bundle"'},
        )

    return router


def listed(office: Office, desk: Desk, person_id: str, *, limit: int, before: str) -> PassList:
    """Return one page of the list of passes, as `person_id` sees it."""
    newest = sorted(
        ((known.asked.pass_id, digest) for digest, known in desk.register.passes.items()),
        reverse=True,
    )
    after = [each for each in newest if not before or each[0] < before]
    page = [
        _line(office, desk, standing_of(desk.register, digest), person_id)
        for _, digest in islice(after, limit)
    ]
    return PassList(
        passes=page,
        before=page[-1].pass_id if len(after) > limit else "",
        damaged=found(office.damaged[:DAMAGED_MAX]),
    )


def shown(office: Office, desk: Desk, standing: Standing) -> dict[str, Json]:
    """Return everything there is to say of a pass, as a document."""
    subject: list[Json] = [line.removeprefix("  ") for line in subject_of(desk.register, standing)]
    return {
        **standing_json(standing, state=office.state(desk, standing).value),
        "time": findings_json(time_findings(standing, now=office.clock())),
        "policy": outcomes_json(standing.outcomes),
        "subject": subject,
        "damaged": findings_json(office.damaged[:DAMAGED_MAX]),
    }


def _line(office: Office, desk: Desk, standing: Standing, person_id: str) -> PassLine:
    asked = standing.asked
    return PassLine(
        pass_id=asked.pass_id,
        digest=standing.digest,
        kind=kind_of(asked),
        state=office.state(desk, standing).value,
        requester=asked.requester,
        purpose=asked.purpose,
        expires=format_instant(asked.expires_at),
        answered=any(each.approval.approver == person_id for each in standing.ballots),
    )


def kind_of(asked: Pass) -> Literal["transfer", "standing", "admin"]:
    """Return the kind of a pass, as its document says it."""
    match asked.action:
        case Admin():
            return "admin"
        case Automatic():
            return "standing"
        case Transfer():
            return "transfer"
