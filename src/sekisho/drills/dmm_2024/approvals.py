"""Who asked for the pass and who approved it, where, and with what: read off what was verified.

A passkey's assertion counts only if the device says that it verified its user, so for a passkey
that is always true here. The rest is what enrolment and `passes.assertion` found.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sekisho.kernel.words import Language
from sekisho.passes.ballots import Ballot
from sekisho.passes.records import OWN_MACHINE, Decision, Method
from sekisho.passes.verify import Standing

_DEVICES: dict[Method, tuple[str, str]] = {
    Method.PASSKEY: ("passkey in the browser", "ブラウザーのパスキー"),
    Method.KEY_FILE: ("own machine, key file", "自身の端末、鍵ファイル"),
    Method.SECURITY_KEY: ("own machine, security key", "自身の端末、セキュリティキー"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One person's statement that counts, and how it was made."""

    asked: bool
    """They asked; else they approved."""
    person: str
    department: str
    method: Method
    terminal: str
    at: datetime
    words_compared: bool
    attested: bool
    """Its maker vouched for the device when it was enrolled."""
    device_bound: bool
    """The device says that its key cannot leave it."""

    @property
    def own_machine(self) -> bool:
        """Return whether it was signed where the server cannot choose what is shown."""
        return self.method in OWN_MACHINE


def approvals_of(standing: Standing | None) -> tuple[Signed, ...]:
    """Return who asked and who approved, in the order of the journal."""
    return () if standing is None else tuple(_signed(standing))


def device_of(signed: Signed, language: Language) -> str:
    """Return what somebody signed with, in words."""
    return _DEVICES[signed.method][language == "ja"]


def verified_of(signed: Signed, language: Language) -> tuple[str, ...]:
    """Return what was verified of the device, or of what the approver did, in words."""
    if signed.own_machine:
        said = [
            ("twelve words compared", "十二語を照合")
            if signed.words_compared
            else ("words NOT compared", "十二語は未照合")
        ]
    else:
        said = [
            ("user verified", "利用者を確認"),
            ("device-bound", "デバイス固定")
            if signed.device_bound
            else ("may have copies", "複製の可能性あり"),
            ("attested", "製造元が証明") if signed.attested else ("NOT attested", "証明なし"),
        ]
    return tuple(each[language == "ja"] for each in said)


def _signed(standing: Standing) -> Iterator[Signed]:
    for ballot in standing.ballots:
        if ballot.approval.decision in {Decision.ASK, Decision.APPROVE}:
            yield _read(ballot)


def _read(ballot: Ballot) -> Signed:
    if ballot.signer is None or ballot.credential is None or ballot.assertion is None:
        raise RuntimeError("a statement that counts has a signer whose signature holds")
    return Signed(
        asked=ballot.approval.decision is Decision.ASK,
        person=ballot.approval.approver,
        department=ballot.signer.department,
        method=ballot.approval.method,
        terminal=ballot.approval.terminal_id,
        at=ballot.approval.signed_at,
        words_compared=bool(ballot.approval.words),
        attested=ballot.credential.attested,
        device_bound=ballot.assertion.device_bound,
    )
