"""What an admin pass would change, in lines that people read before they sign.

A digest tells nobody that a thief's descriptor is about to become a wallet, or that the next
roster asks for one approval less.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sekisho.kernel.canonical import parse_json
from sekisho.kernel.catalogue import says
from sekisho.kernel.instants import format_instant
from sekisho.passes.records import NOBODY, Credential, Person, Quorum, Roster, SubjectType
from sekisho.passes.register import KEY_REGISTER_ID, Register
from sekisho.wallets.descriptors import WalletKey
from sekisho.wallets.enforced import level_words
from sekisho.wallets.key_register import KeyRegister, read_key_register
from sekisho.wallets.key_separation import check_key_register
from sekisho.wallets.proof import core_digest, proven_keys, read_proofs, wallet_keys
from sekisho.wallets.records import UNPROVEN, Wallet
from sekisho.wallets.registry import first_address


def written(document: bytes) -> Sequence[str]:
    """Return a filed document as lines for people: indented JSON, nothing left out."""
    text = json.dumps(parse_json(document, "document"), ensure_ascii=False, indent=2)
    return text.splitlines()


def document_lines(register: Register, what: SubjectType, name: str, new: bytes) -> Iterator[str]:
    """Yield a document, or, where another one is in force, what the new one changes in it."""
    current = register.in_force.get((what, name))
    if current is None:
        yield from (f"  {line}" for line in written(new))
        return
    old = register.documents[what.value, current.digest]
    changes = list(difflib.unified_diff(written(old), written(new), n=3, lineterm=""))[2:]
    yield "  changes in what is in force (- goes, + comes):" if changes else "  the same document"
    yield from (f"  {line}" for line in changes)


def wallet_lines(register: Register, wallet: Wallet, *, at: datetime) -> Iterator[str]:
    """Yield a wallet key by key: proven or not, with whom, and what is wrong with that at `at`."""
    yield (
        f"  wallet     {wallet.wallet_id}: {wallet.name}, {wallet.tier.value}, "
        f"{wallet.segregation.value}'s coins, change {wallet.change_rule.value}"
    )
    yield f"  asked by   departments {', '.join(wallet.departments)}"
    yield f"  descriptor {wallet.descriptor}"
    for each in level_words(wallet):
        yield f"  {wallet.level.value:<10} {each}"
    yield f"  address    {first_address(wallet)} is its first; compare it with the wallet's own"
    yield (
        f"  keys       {wallet.proof}: no key holder has shown possession of a key"
        if wallet.proof == UNPROVEN
        else f"  keys       with proofs of possession ({wallet.proof[:16]})"
    )
    proven, kept = proven_of(register, wallet), key_register_of(register)
    for key in wallet_keys(wallet):
        yield from key_lines(key, proven, kept)
    if kept.keys:
        people = {person.person_id for person in register.roster.people}
        for found in check_key_register(kept, [wallet], people, now=at):
            yield f"  ! {says(found, 'en')} [{found.code}]"


def key_lines(key: WalletKey, proven: frozenset[str], kept: KeyRegister) -> Iterator[str]:
    """Yield one key of a wallet: is it proven, and who holds it where."""
    yield f"  key {key.name}  {key.expression}"
    yield f"    {_said_of_proof(key, proven)}"
    entry = kept.by_expression().get(key.expression)
    if entry is not None:
        yield f"    held by {entry.holder} at {entry.site}, on {entry.vendor} {entry.device}"
    elif not key.is_nobodys:
        yield "    not in the key register: nobody has said who holds it"


def _said_of_proof(key: WalletKey, proven: frozenset[str]) -> str:
    if key.is_nobodys:
        return "nobody's: nobody can know its secret (BIP-341)"
    if key.expression in proven:
        return "proven: whoever holds it signed this exchange's challenge"
    return "unproven: nobody has shown possession of it"


def proven_of(register: Register, wallet: Wallet) -> frozenset[str]:
    """Return the keys of a wallet that its filed proofs prove."""
    document = register.documents.get(("wallet_proofs", wallet.proof))
    if document is None:
        return frozenset()
    proofs = read_proofs(document, "proofs")
    drawn = register.nonces.get(core_digest(wallet), set())
    if proofs.nonce not in drawn or proofs.genesis_digest != register.genesis_digest:
        return frozenset()  # signatures over a challenge of another day, or of somebody else
    return proven_keys(wallet, proofs)


def key_register_of(register: Register) -> KeyRegister:
    """Return the key register in force, or an empty one."""
    current = register.in_force.get((SubjectType.KEY_REGISTER, KEY_REGISTER_ID))
    if current is None:
        return KeyRegister(keys=())
    return read_key_register(register.documents["key_register", current.digest], "key register")


def roster_lines(register: Register, roster: Roster) -> Iterator[str]:
    """Yield what the next roster changes, then all of it."""
    if register.genesis_adopted and roster != register.roster:
        yield from _roster_changes(register.roster, roster)
        yield "  and so it is:"
    for person in roster.people:
        named = "" if person.name == person.person_id else f" ({person.name})"
        officer = ", officer" * person.officer
        for each in person.credentials:
            yield (
                f"  person     {person.person_id}{named}, {person.department}{officer}, "
                f"{_credential(each)} {each.public_key.hex()}"
            )
    yield f"  terminals  {', '.join(each.terminal_id for each in roster.terminals)}"
    for name, value in _terms(roster).items():
        yield f"  {name:<10} {value}"


def _roster_changes(old: Roster, new: Roster) -> Iterator[str]:
    before = {each.person_id: each for each in old.people}
    after = {each.person_id: each for each in new.people}
    for who in sorted(after.keys() - before.keys()):
        yield f"  joins      {who}, {after[who].department}"
    for who in sorted(before.keys() - after.keys()):
        yield f"  leaves     {who}, {before[who].department}"
    for who in sorted(after.keys() & before.keys()):
        yield from _person_changes(before[who], after[who])
    terminals = [
        {each.terminal_id: each.name for each in roster.terminals} for roster in (old, new)
    ]
    if terminals[0] != terminals[1]:
        yield f"  terminals  {_listed(terminals[0])}  →  {_listed(terminals[1])}"
    now = _terms(new)
    for name, was in _terms(old).items():
        if now[name] != was:
            yield f"  {name:<10} {was}  →  {now[name]}"


def _person_changes(old: Person, new: Person) -> Iterator[str]:
    who = new.person_id
    if old.department != new.department:
        yield f"  moves      {who}, {old.department}  →  {new.department}"
    if old.name != new.name:
        yield f"  renamed    {who}, {old.name}  →  {new.name}"
    if old.officer != new.officer:
        yield f"  officer    {who} {'may' if new.officer else 'may no longer'} suspend others"
    for each in new.credentials:
        if each not in old.credentials:
            yield f"  gets key   {who}, {_credential(each)} {each.public_key.hex()}"
    for each in old.credentials:
        if each not in new.credentials:
            yield f"  loses key  {who}, {_credential(each)}"


def _credential(each: Credential) -> str:
    device = f" on {each.device}" if each.device else ""
    vouched = ", its maker vouches for it" if each.attested else ""
    return f"{each.credential_id} ({each.kind.value}{device}{vouched})"


def _terms(roster: Roster) -> Mapping[str, str]:
    """Return everything of a roster but people and terminals, as it is said."""
    return {
        "transfers": f"{_quorum(roster.quorum_transfer)}; the requester does not count",
        "changes": _quorum(roster.quorum_admin),
        "lost keys": _quorum(roster.quorum_recovery),
        "console": roster.console_origin or "none",
        "journal": roster.journal_key or "none: nobody can verify a pass offline",
        "witnesses": ", ".join(roster.witnesses) or "none",
        "valid": f"until {format_instant(roster.expires_at)}",
    }


def _quorum(quorum: Quorum) -> str:
    if quorum == NOBODY:
        return "nobody"
    return ", ".join(f"{count} of {name}" for name, count in quorum.at_least)


def _listed(terminals: Mapping[str, str]) -> str:
    return ", ".join(
        each if name == each else f"{each} ({name})" for each, name in terminals.items()
    )
