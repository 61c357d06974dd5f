"""What of the gate reads foreign bytes: PSBTs, in every form that a file may bring them in."""

import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

from attest_world import ADDRESS, attested, edited, policy_of
from coldcard import returned
from fuzz.hunt import Target
from gate_psbts import maps_of
from gate_returns import FORMS, sent, signed
from gate_scene import HOT, exact, honest, parts, scene
from world_coins import book_of

from sekisho.chains.bitcoin.transaction import parse_transaction
from sekisho.gate.correspond import correspond
from sekisho.gate.device_policy import device_policy_findings, read_device_policy
from sekisho.gate.reading import psbt_bytes, read_psbt
from sekisho.gate.returned import judge_return
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.passes.records import Transfer

VECTORS = Path(__file__).parents[1] / "vectors" / "gate" / "bips.json"
PLACE = "PSBT"


def seeds() -> list[bytes]:
    """Return honest PSBTs of some kinds in both versions, and the valid vectors of the BIPs."""
    kinds = ("wsh_sortedmulti", "pkh", "tr_leaves")
    ours = [honest(scene(kind), version=version).psbt for kind in kinds for version in (0, 2)]
    cases = json.loads(VECTORS.read_text())["cases"]
    theirs = [psbt_bytes(c["psbt"].encode(), PLACE) for c in cases if c["judgement"] == "valid"]
    return [*ours, *theirs]


def read_file(data: bytes) -> None:
    """Whatever a file holds, what is taken out of it is taken as it is the next time too."""
    psbt = psbt_bytes(data, PLACE)
    for again in (psbt, b64encode(psbt), psbt.hex().encode()):
        if psbt_bytes(again, PLACE) != psbt:
            raise ValueError("a second form of the same PSBT was read as another")


def read_one(data: bytes) -> None:
    """What both readers read can be written, and has an id."""
    read, findings = read_psbt(data, PLACE)
    if read is None:
        raise BadInputError(PLACE, str(findings[0]))
    read.transaction.serialize()
    if len(read.transaction.txid) != 64 or len(read.inputs) != len(read.transaction.inputs):
        raise ValueError("half of a transaction was read")


def judge_one(data: bytes) -> None:
    """Only the honest transaction is without findings, whatever became of the PSBT around it."""
    setting = exact()
    transfer = setting.asked.action
    if not isinstance(transfer, Transfer):
        raise TypeError("the scene's pass moves coins")
    book = book_of(setting.wallet, HOT)
    read, findings = correspond(data, transfer, setting.wallet, book, where=PLACE)
    if findings or read is None:
        raise BadInputError(PLACE, str(findings))
    if parts(read.transaction) != parts(setting.unsigned):
        raise ValueError(f"another transaction has no findings: {read.transaction}")


def judge_returned(data: bytes) -> None:
    """Whatever comes back, what is accepted as complete is the cleared transaction, signed."""
    was = sent("wsh_sortedmulti")
    answer = was.judge(data)
    if isinstance(answer, set):
        raise BadInputError(PLACE, str(sorted(answer)))
    if answer.complete:
        transaction = parse_transaction(answer.transaction, PLACE)
        bare = tuple(replace(each, script_sig=b"", witness=()) for each in transaction.inputs)
        if replace(transaction, inputs=bare) != was.unsigned:
            raise ValueError(f"another transaction came through: {transaction}")


def returns() -> list[bytes]:
    """Return what honest signers give back, in every form."""
    was = sent("wsh_sortedmulti")
    return [form(was, signed(was.psbt)) for form in FORMS.values()]


def read_policy(data: bytes) -> None:
    """Whatever a device's policy holds, one without findings has one rule, with caps."""
    policy = read_device_policy(data, PLACE)
    if not device_policy_findings(policy, address=ADDRESS):
        caps = policy.caps
        if min(caps.amount_max_sat, caps.period_max_sat, caps.period_minutes) < 1:
            raise ValueError("a policy without a cap has no findings")


def judge_attested(data: bytes) -> None:
    """What a device may give back is what it was handed, with no other attestation in it."""
    was = sent("wsh_sortedmulti")
    handed = attested(was).psbt
    try:
        judge_return(was.cleared, data, wallet=was.wallet, book=was.book, handed=handed)
    except Refused as refused:
        raise BadInputError(PLACE, str(refused)) from refused
    if not data.startswith(b"psbt"):
        return
    ours = maps_of(handed)
    for place, pairs in enumerate(maps_of(data)):
        foreign = [pair for pair in pairs if pair[0][:1] == b"\xfc" and pair not in ours[place]]
        if foreign:
            raise ValueError(f"an attestation that we did not give came through: {foreign}")


FUZZ_TARGETS: list[Target] = [
    (
        "gate.psbt_bytes",
        read_file,
        [plain := honest(exact()).psbt, b64encode(plain), plain.hex().encode()],
    ),
    ("gate.read_psbt", read_one, seeds()),
    ("gate.correspond", judge_one, [honest(exact(), version=v).psbt for v in (0, 2)]),
    ("gate.judge_return", judge_returned, returns()),
    ("gate.read_device_policy", read_policy, [policy_of(), edited({}, {"users": ["ann"]})]),
    ("gate.judge_attested", judge_attested, [returned(attested(sent("wsh_sortedmulti")).psbt)]),
]
