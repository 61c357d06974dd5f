"""A small exchange that allows transfers: people who really sign, a policy, wallets in force.

One office serves one batch of scenes. It keeps the register that a gate would fold from the
journal: every pass in it was asked for and approved with signatures that were verified.
"""

from collections.abc import Sequence

from bench.tampered.journals import APPROVERS, NOW, Journal
from sekisho.passes.fold import follow, why_not_trusted
from sekisho.passes.records import Admin, Decision, Pass, Transfer
from sekisho.passes.register import Register
from sekisho.wallets.records import Wallet


class Office:
    """People who ask for passes and approve them, and the register that follows what they sign."""

    def __init__(self, wallets: Sequence[Wallet]) -> None:
        self._journal = Journal(wallets)
        self.register = Register(genesis_digest=self._journal.genesis_digest)
        self._follow()
        if why_not_trusted(self.register, now=NOW) or len(self.register.wallets) != len(wallets):
            raise RuntimeError("the office did not open")
        self.book = self.register.book()

    def draft(self, action: Transfer | Admin) -> Pass:
        """Return a pass that nobody has heard of yet."""
        return self._journal.draft(action)

    def allow(
        self, asked: Pass, *, by: Sequence[str] = APPROVERS, is_asked_for: bool = True
    ) -> str:
        """File a pass, have it asked for and approved by some people, and return its digest."""
        digest = self._journal.allow(asked, by=by, is_asked_for=is_asked_for)
        self._follow()
        return digest

    def file(self, asked: Pass) -> str:
        """Put a pass into the journal, with nobody's word for it, and return its digest."""
        digest = self._journal.file(asked)
        self._follow()
        return digest

    def say(self, who: str, decision: Decision, digest: str, *, forged_by: str = "") -> None:
        """Have somebody sign a statement; or somebody else in their name."""
        self._journal.say(who, decision, digest, forged_by=forged_by)
        self._follow()

    def _follow(self) -> None:
        for entry in self._journal.entries[self.register.seq :]:
            follow(self.register, entry)
