"""What goes over the wire: every request and answer of the API, field by field.

Unknown fields are refused. What a browser's authenticator answers is handed on as it is to the
rooms that read it strictly (`passes/browser.py`).
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sekisho.kernel.catalogue import finding_json
from sekisho.kernel.finding import Finding

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Text = Annotated[str, Field(max_length=1000)]
Document = dict[str, Any]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WhoAmI(_Wire):
    """Who is logged in, or wants to be."""

    person_id: Id


class Answered(_Wire):
    """What `navigator.credentials` gave to the page, as JSON (WebAuthn Level 3, section 5.1)."""

    credential: Document


class Options(_Wire):
    """What the page hands to `navigator.credentials`."""

    options: Document = Field(serialization_alias="publicKey")


class Place(_Wire):
    """A terminal of the roster."""

    terminal_id: str
    name: str


class Myself(_Wire):
    """Who is logged in."""

    person_id: str
    name: str
    department: str
    credential_id: str
    terminals: list[Place]


class Done(_Wire):
    """It was done."""

    done: Literal[True] = True


class Sentences(_Wire):
    """The same in both languages."""

    en: str
    ja: str


class Found(_Wire):
    """A finding: its code, what it is about, the facts, and what it says."""

    code: str
    subject: str
    facts: dict[str, str]
    says: Sentences
    do: Sentences


class Wrong(_Wire):
    """Why something was not done."""

    error: str
    where: str
    reason: str
    findings: list[Found]


class Words(_Wire):
    """The twelve words of a pass, to be compared by voice."""

    en: list[str]
    ja: list[str]


class Said(_Wire):
    """A statement that counts."""

    approver: str
    decision: str
    method: str
    terminal_id: str
    words_entered: bool
    reason: str
    signed_at: str
    journal_entry: int
    backed_up: bool | None
    """Has the private key copies elsewhere? None where it was signed with a key file."""
    device_bound: bool | None
    attested: bool | None


class Rule(_Wire):
    """What one rule of the policy in force says, and what it looked at."""

    rule: str
    answer: str
    reference: str
    inputs: list[dict[str, str]]
    hold_seconds: int
    finding: Found | None


class PolicySays(_Wire):
    """What the policy in force says of a pass; without rules for one that moves no coins."""

    allowed: bool
    hold_seconds: int
    rules: list[Rule]


class PassShown(_Wire):
    """A pass, and where it stands. `findings` are the reasons why it allows nothing."""

    pass_id: str
    digest: str
    words: Words
    state: str
    document: Document = Field(alias="pass")
    counted: dict[str, list[str]]
    statements: list[Said]
    held_until_at: str
    findings: list[Found]
    set_aside: list[Found]
    time: list[Found]
    policy: PolicySays
    subject: list[str]
    """What an admin pass would put in force, in lines to read."""
    damaged: list[Found]
    """Clearances of the gate that cannot be read: the state may be later than it is shown."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class PassLine(_Wire):
    """A pass in the list."""

    pass_id: str
    digest: str
    kind: Literal["transfer", "standing", "admin"]
    state: str
    requester: str
    purpose: str
    expires: str
    answered: bool
    """Has whoever asks said something of it?"""


class PassList(_Wire):
    """Passes, the newest first."""

    passes: list[PassLine]
    before: str
    """What to ask for next; empty at the end."""
    damaged: list[Found]
    """Clearances of the gate that cannot be read: a state may be later than it is shown."""


class Draft(_Wire):
    """What somebody is about to say of a pass."""

    decision: Literal["approve", "reject", "void"]
    terminal_id: Id
    reason: Text = ""
    """Why; needed to reject and to void."""
    words: Text = ""
    """The twelve words, if they were compared by voice."""


class ToSign(_Wire):
    """A statement, and what the page hands to `navigator.credentials` to have it signed."""

    document: Document
    """Its SHA-256 under the tag `approval` is the challenge."""
    options: Document = Field(serialization_alias="publicKey")


class Stated(_Wire):
    """A statement that was recorded, and where its pass stands then."""

    pass_id: str
    state: str
    findings: list[Found]


class StatementFile(_Wire):
    """A statement that was signed on another machine, as `sekisho pass review` writes it."""

    approval: Document
    signature: str
    authenticator_data: str
    client_data: str


class TicketCode(_Wire):
    """The code of an enrolment ticket."""

    ticket: Annotated[str, Field(max_length=64)]


class ToEnrol(_Wire):
    """Whose passkey is about to be made, and what the page hands to `navigator.credentials`."""

    person_id: str
    name: str
    credential_id: str
    device: str
    options: Document = Field(serialization_alias="publicKey")


class Credentialed(_Wire):
    """A passkey that a roster may list. It has no power before a roster does."""

    credential: Document
    seen: Document
    findings: list[Found]


def found(findings: Iterable[Finding]) -> list[Found]:
    """Return findings as they go over the wire, in both languages."""
    return [Found.model_validate(finding_json(each)) for each in findings]
