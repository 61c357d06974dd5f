"""Whether the watcher saw what the chain says: no line of this is the watcher's.

1. Every outflow in the chain or a mempool has one verdict, of the right kind; so has every
   deposit. No verdict stands twice; one that was undetermined is followed by another.
2. Every alarm opened one incident, and nothing else opened any.
3. Whatever the watcher claimed to see at some moment was judged by then.
4. What the journal says was covered, and what it says of gaps, are one line of intervals
   without overlap. Where no watcher was, nothing was covered.
5. Where the watcher writes the lives of movements, what is live is in the chain or a mempool.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec

from bench.faulted.chain import Moved
from bench.faulted.journal import JournalReader, Noted
from bench.faulted.stage import Absence, Claim, Taken

QUIET = frozenset({"matched", "replacement"})
ALARMS = frozenset({"unmatched", "deviating", "reused", "expired"})
UNDETERMINED = "undetermined"
"""What may be said before the verdict, while a coin's worth is unproven."""
DOUBLE_SPENT = "double_spent"
"""What is said, beside its verdict, of a movement that was confirmed and then displaced."""
COVERED, BLIND, SEEING = "watch.covered", "watch.blind", "watch.seeing"
CLOCK_BACK = "watch.clock_back"
LAST = 2**53
AHEAD_SECONDS = 2
LIVE = frozenset({"seen", "confirmed", "settled"})
HAS_LIVES = find_spec("sekisho.watch.lives") is not None
"""Whether the watcher writes the lives of movements; if it does they are looked at."""


def verdicts(moved: Iterable[Moved], journal: JournalReader, *, cleared: set[str]) -> list[str]:
    """Return what is wrong with the verdicts on what is in the chain or a mempool."""
    judged: defaultdict[str, list[Noted]] = defaultdict(list)
    for each in journal.of("watch.judged"):
        if each.body["verdict"] != DOUBLE_SPENT:
            judged[each.body["txid"]].append(each)
    wrong = []
    for movement in moved:
        txid, found = movement.txid, judged[movement.txid]
        wanted = frozenset({"deposit"})
        if movement.spends_ours:
            wanted = QUIET if txid in cleared else ALARMS
        if not found:
            wrong.append(f"missed: {txid}, which is to be {_either(wanted)}")
        elif found[-1].body["verdict"] not in wanted:
            said = found[-1].body["verdict"]
            wrong.append(f"wrong: {txid} is {said}, and is to be {_either(wanted)}")
    return wrong + [
        f"twice: {txid} has the verdicts "
        + ", ".join(f"{each.body['verdict']} {_codes(each)} (entry {each.seq})" for each in found)
        for txid, found in judged.items()
        if len([each for each in found if each.body["verdict"] != UNDETERMINED]) > 1
        or any(each.body["verdict"] == UNDETERMINED for each in found[1:])
    ]


def incidents(journal: JournalReader) -> list[str]:
    """Return which alarm has no incident or several, and which incident no alarm."""
    opened = Counter(each.body["txid"] for each in journal.of("incident.opened"))
    alarms = Counter(
        each.body["txid"]
        for each in journal.of("watch.judged")
        if each.body["verdict"] in ALARMS | {DOUBLE_SPENT}
    )
    return [
        f"incidents: {txid} has {alarms[txid]} alarms, and opened {opened[txid]}"
        for txid in sorted({*opened, *alarms})
        if opened[txid] != alarms[txid]
    ]


def claims(
    made: Sequence[Claim],
    taken: Mapping[str, Taken],
    moved: Iterable[Moved],
    journal: JournalReader,
) -> list[str]:
    """Return which claim to see everything was made before something was judged that was there."""
    first: dict[str, int] = {}
    for each in journal.of("watch.judged"):
        first.setdefault(each.body["txid"], each.seq)
    wrong = []
    for txid in (each.txid for each in moved if each.txid in taken):
        there = taken[txid]
        late = [
            each
            for each in made
            if there.at <= each.at < there.until
            and there.second < each.proven <= each.now
            and each.entries < first.get(txid, LAST)
        ]
        if late:
            behind = late[0].at - there.at
            wrong.append(
                f"claimed: {txid} was not judged {behind:.1f} s later, and said to be seen"
            )
    return wrong


def ahead(made: Sequence[Claim]) -> list[str]:
    """Return whether the watcher went on to claim what is to come, when its clock was put back."""
    since = math.inf
    for each in made:
        since = min(since, each.at) if each.is_ahead else math.inf
        if each.at - since > AHEAD_SECONDS:
            return [f"claimed: it is {each.now}, and everything is seen until {each.proven}"]
    return []


def intervals(journal: JournalReader) -> list[str]:
    """Return where what the journal says of seeing has a hole, or overlaps."""
    wrong = []
    until, back = "", False
    for each in journal.of(COVERED, BLIND, SEEING):
        begins, ends = each.body["from"], each.body.get("to", each.body["from"])
        adjoins = begins == until or not until or (back and begins < until)
        if not adjoins or ends < begins:
            wrong.append(f"intervals: {each.kind} {begins} to {ends} follows {until}")
        until = ends
        back = each.kind == BLIND and CLOCK_BACK in _codes(each)
    return wrong


def absences(absent: Sequence[Absence], journal: JournalReader) -> list[str]:
    """Return where something was covered while no watcher was there, or a gap is not recorded."""
    wrong = []
    for each in absent:
        told = _until_the_clock_goes_back(journal.entries[each.entries :])
        if each.until - each.since < 2 or not any(said.kind == SEEING for said in told):
            continue  # too short for a clock of seconds; or the clock was put back just then
        gaps = [_seconds(said) for said in told if said.kind == SEEING]
        covered = [_seconds(said) for said in told if said.kind == COVERED]
        when = f"{each.since} to {each.until}"
        if not any(begins <= each.since + 1 and each.until <= ends for begins, ends in gaps):
            wrong.append(f"absent: no gap is recorded from {when}")
        if any(begins < each.until - 1 and each.since + 1 < ends for begins, ends in covered):
            wrong.append(f"absent: {when} is said to be covered")
    return wrong


def _until_the_clock_goes_back(told: Sequence[Noted]) -> list[Noted]:
    found = []
    for each in told:
        if each.kind == BLIND and CLOCK_BACK in _codes(each):
            break
        found.append(each)
    return found


def lives(moved: Iterable[Moved], journal: JournalReader) -> list[str]:
    """Return which movement's life is told otherwise than the chain tells it."""
    told = {
        change["txid"]: str(change["state"])
        for each in journal.of("watch.lives")
        for change in each.body["changes"]
    }
    there = {each.txid: each for each in moved}
    wrong = [
        f"lives: {txid} is {state}, and is nowhere"
        for txid, state in told.items()
        if state in LIVE and txid not in there
    ]
    for txid, each in there.items():
        wanted = LIVE - {"seen"} if each.mined else {"seen"}
        if each.spends_ours and told.get(txid) not in wanted:
            wrong.append(f"lives: {txid} is {told.get(txid)}, and is to be {_either(wanted)}")
    return wrong


def _either(names: Iterable[str]) -> str:
    return " or ".join(sorted(names))


def _codes(noted: Noted) -> list[str]:
    return [each["code"] for each in noted.body.get("findings", [])]


def _seconds(noted: Noted) -> tuple[int, int]:
    begins, ends = (datetime.fromisoformat(noted.body[name]) for name in ("from", "to"))
    return int(begins.timestamp()), int(ends.timestamp())
