"""The gate as `sekisho-signer` asks it: which pass, what it allows, and what is written down."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sekisho.app import (
    Installation,
    OpenGate,
    checkpoint_of,
    current_time,
    installation,
    new_id,
    open_gate,
)
from sekisho.chains.bitcoin.networks import Network
from sekisho.cli.signer_options import Settings
from sekisho.edges.gates import keep_seen
from sekisho.edges.keepers import open_keeper
from sekisho.gate.choose import choose_pass
from sekisho.gate.flow import (
    Records,
    attest_cleared,
    check_psbt,
    check_return,
    record_refusal,
)
from sekisho.gate.reading import read_psbt
from sekisho.gate.records import Cleared, Papers
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.passes.flow import Desk, bundle_of, catch_up, open_desk


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A gate and the journal beside it."""

    here: Installation
    opened: OpenGate
    desk: Desk
    """As the journal was when the node asked."""
    keeper: Path | None
    shown: dict[str, Papers] = field(default_factory=dict)
    """What each transaction was cleared with, by its digest."""

    def decide(self, psbt: bytes) -> Cleared:
        """Clear a PSBT under the pass that its coins lead to; raises `Refused`, written down."""
        now = current_time()
        with self._written_down(now):
            bundle = self._bundle(psbt, now)
        papers = self.opened.papers(bundle)
        cleared = check_psbt(
            psbt,
            papers,
            gate=self.opened.gate,
            records=self._records(),
            entry_id=new_id(now),
            now=now,
            keep_seen=lambda seen: keep_seen(self.opened.folder, seen),
            keeper=None
            if self.keeper is None
            else open_keeper(self.keeper, workspace=self.here.workspace.root),
            attesters=self.opened.attesters(),
        )
        self.shown[cleared.transaction_digest] = papers
        return cleared

    def handed(self, cleared: Cleared) -> bytes:
        """Return what the signer is given: with attestations where its device asks for them."""
        attested = attest_cleared(cleared, self.opened.attesters(), self.opened.memory)
        return cleared.psbt if attested is None else attested.psbt

    def verify_return(self, cleared: Cleared, returned: bytes) -> None:
        """Raise `Refused`, written down, unless it is what was cleared, signed, and still allowed.

        What came back is judged first, whatever happened meanwhile; then the gate is asked again,
        with the journal as it is now: a freeze or a void stops what is signed from being sent.
        """
        now = current_time()
        check_return(
            cleared.psbt,
            returned,
            self.shown[cleared.transaction_digest],
            gate=self.opened.gate,
            records=self._records(),
            entry_id=new_id(now),
            now=now,
            attesters=self.opened.attesters(),
        )
        catch_up(self.desk)
        self.decide(cleared.psbt)

    def _records(self) -> Records:
        return Records(memory=self.opened.memory, journal=self.here.journal)

    def _bundle(self, psbt: bytes, now: datetime) -> bytes:
        """Return the bundle of the pass to which the coins of a PSBT lead."""
        note, size = checkpoint_of(self.here)
        digest = self._chosen(psbt, now)
        return b"".join(bundle_of(self.desk, digest, note, size=size))

    def _chosen(self, psbt: bytes, now: datetime) -> str:
        read, wrong = read_psbt(psbt, "PSBT")
        if read is None:
            raise Refused(wrong)
        return choose_pass(read, self.desk.register, issued=self.desk.issued, now=now)

    @contextmanager
    def _written_down(self, now: datetime) -> Iterator[None]:
        """Write a refusal into the gate's memory and the journal before anybody hears it."""
        try:
            yield
        except Refused as refused:
            record_refusal(
                refused.findings,
                self.opened.papers(b""),
                gate=self.opened.gate,
                records=self._records(),
                entry_id=new_id(now),
                now=now,
            )
            raise


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedGate:
    """A gate as the signer asks it: before it signs, what it hands on, and after."""

    decide: Callable[[bytes], Cleared]
    handed: Callable[[Cleared], bytes]
    verify_return: Callable[[Cleared, bytes], None]


@contextmanager
def gate_of(settings: Settings, network: Network) -> Iterator[AskedGate]:
    """Open the gate.

    Raises `BadInputError` if the node is on another network than the workspace.
    """
    with open_gate(settings.gate) as opened, installation(settings.workspace) as here:
        ours = here.workspace.network
        if network is not ours:
            raise BadInputError("--chain", f"is {network}; the workspace is for {ours}")
        desk = open_desk(here.journal, genesis_digest=opened.gate.genesis_digest)
        place = _Place(here=here, opened=opened, desk=desk, keeper=settings.keeper)
        yield AskedGate(
            decide=place.decide, handed=place.handed, verify_return=place.verify_return
        )
