"""What the watcher believes, held equal to what the gate would allow on the same evidence."""

from datetime import datetime

from world_people import NOW

from sekisho.passes.children import child_findings
from sekisho.passes.evidence import Evidence
from sekisho.passes.fold import establish_trust
from sekisho.passes.records import Transfer
from sekisho.passes.register import Register
from sekisho.passes.verify import standing_of
from sekisho.watch.credence import Credence, weigh


def agreed(evidence: Evidence, genesis_digest: str, *, now: datetime = NOW) -> Credence:
    """Return what the watcher believes, after holding it equal to what the gate would allow."""
    credence = weigh(evidence, genesis_digest=genesis_digest, now=now)
    trust, _ = establish_trust(evidence, genesis_digest=genesis_digest, now=now)
    assert credence.wallets.items() <= credence.watched.items()
    if trust is None:
        assert (credence.wallets, credence.believed, credence.children) == ({}, {}, frozenset())
        return credence
    transfers = {
        digest: known.asked
        for digest, known in trust.passes.items()
        if isinstance(known.asked.action, Transfer)
    }
    assert set(credence.believed) == allowed_by_gate(trust) & transfers.keys()
    assert {**credence.believed, **credence.doubted} == transfers
    assert credence.children == children_of_gate(trust)
    assert credence.wallets == trust.wallets
    assert credence.roster_digest == trust.roster_digest
    assert credence.policy_digest == trust.policy_digest
    holds = {each.digest: each.held_until_at for each in credence.grants}
    for digest in credence.believed:
        assert holds[digest] == standing_of(trust, digest).held_until_at
    return credence


def allowed_by_gate(trust: Register) -> set[str]:
    """Return the passes that the gate allows, and counted when their quorum was complete."""
    return {
        digest
        for digest in trust.committed.keys() & trust.passes.keys()
        if not standing_of(trust, digest).findings
    }


def children_of_gate(trust: Register) -> set[str]:
    """Return the children that the gate allows in the moment that they were issued."""
    counted = allowed_by_gate(trust)
    return {
        heard.digest
        for standing, family in trust.children.items()
        for heard in family.values()
        if standing in counted and not child_findings(trust, heard, now=heard.child.issued_at)
    }
