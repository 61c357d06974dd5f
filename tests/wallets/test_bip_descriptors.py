"""Descriptors against the vectors of the BIPs that define them."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from embit.bip32 import HDKey
from embit.ec import PrivateKey

from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.scripts import ScriptKind, classify
from sekisho.kernel.errors import BadInputError
from sekisho.wallets.descriptors import branch_count, check_descriptor, derive_script

MAIN = Network.MAIN
VECTORS = Path(__file__).parents[1] / "vectors" / "wallets"
BARE = ("pk(", "multi(", "sortedmulti(")
"""Valid for the BIPs, but no wallet: their scripts have no address, and embit cannot read them.

Two of the vectors also count one key twice, once compressed and once not."""
NOT_KEYS = ("raw(", "addr(", "combo(")
SECRET = re.compile(r"xprv[1-9A-HJ-NP-Za-km-z]{107}|\b[5KL][1-9A-HJ-NP-Za-km-z]{50,51}\b")
SECRET_WITH_PATH = re.compile(SECRET.pattern.replace("|", r"(?:/[0-9<>;*h'/]+)?|", 1))


@cache
def vectors() -> Any:  # noqa: ANN401 - the file has several shapes
    return json.loads((VECTORS / "bip_descriptors.json").read_text(encoding="utf-8"))


def public(found: re.Match[str]) -> str:
    """Return the public form of a private key of a vector: hardened steps are taken first."""
    key, *steps = found[0].split("/")
    if not key.startswith("xprv"):
        return str(PrivateKey.from_wif(key).get_public_key().sec().hex())
    hardened = max((at for at, step in enumerate(steps, 1) if step[-1] in "h'"), default=0)
    taken = HDKey.from_base58(key)
    if hardened:
        taken = taken.derive("m/" + "/".join(steps[:hardened]).replace("'", "h"))
    return "/".join([taken.to_public().to_base58(), *steps[hardened:]])


def neutered(descriptor: str) -> str:
    return SECRET_WITH_PATH.sub(public, descriptor)


def hardens_below_public(descriptor: str) -> bool:
    """Does the descriptor say `*h`, which no public key can do?"""
    return bool(re.search(r"\*[h']|<[^>]*h", descriptor))


VALID = [each for each in vectors()["valid"] if not each["descriptor"].startswith(NOT_KEYS)]


@pytest.mark.parametrize("vector", VALID, ids=lambda each: each["descriptor"][:40])
def test_what_the_bips_say_is_valid_gives_their_scripts(vector: dict[str, Any]) -> None:
    descriptor = vector["descriptor"]
    if SECRET.search(descriptor):
        with pytest.raises(BadInputError, match=r"private|cannot be|hardened"):
            check_descriptor(descriptor, MAIN, "descriptor")
    if hardens_below_public(descriptor):
        return
    descriptor = neutered(descriptor)
    if descriptor.startswith(BARE):
        with pytest.raises(BadInputError, match=r"second library|twice"):
            check_descriptor(descriptor, MAIN, "descriptor")
        return
    spelled = check_descriptor(descriptor, MAIN, "descriptor")
    derived = [derive_script(spelled, MAIN, 0, at) for at in range(len(vector["scripts"]))]
    assert [script.hex() for script in derived] == vector["scripts"]


def test_the_vectors_reach_every_kind() -> None:
    scripts = {script for each in VALID for script in each["scripts"]}
    kinds = {classify(bytes.fromhex(script)) for script in scripts}
    assert kinds >= {ScriptKind.P2PKH, ScriptKind.P2SH, ScriptKind.P2WPKH, ScriptKind.P2WSH}
    assert ScriptKind.P2TR in kinds


REFUSED = [
    *((each["comment"], each["descriptor"]) for each in vectors()["invalid"]),
    *((each["comment"], neutered(each["descriptor"])) for each in vectors()["invalid"]),
    *(("not of keys", v["descriptor"]) for v in vectors()["valid"] if v not in VALID),
    *((each["comment"], each["descriptor"]) for each in vectors()["checksums"]),
    *((each["comment"], f"pkh({each['key']})") for each in vectors()["keys_invalid"]),
]


@pytest.mark.parametrize(("comment", "descriptor"), REFUSED)
def test_what_the_bips_refuse_is_refused(comment: str, descriptor: str) -> None:
    with pytest.raises(BadInputError) as refusal:
        check_descriptor(descriptor, MAIN, "wallet.descriptor")
    assert refusal.value.where == "wallet.descriptor", comment


@pytest.mark.parametrize(
    "vector", vectors()["keys_valid"], ids=lambda each: f"{each['comment']}: {each['key'][:20]}"
)
def test_key_expressions_of_bip_380(vector: dict[str, str]) -> None:
    descriptor = f"pkh({vector['key']})"
    if SECRET.search(descriptor):
        with pytest.raises(BadInputError, match=r"private|hardened"):
            check_descriptor(descriptor, MAIN, "descriptor")
    elif "/3h" in descriptor:
        with pytest.raises(BadInputError, match="hardened derivation from public key"):
            check_descriptor(descriptor, MAIN, "descriptor")
    else:
        spelled = check_descriptor(descriptor, MAIN, "descriptor")
        assert spelled.partition("#")[0] == descriptor.replace("'", "h")


@pytest.mark.parametrize("vector", vectors()["expanded"], ids=lambda each: each["descriptor"][:40])
def test_multipath_descriptors_of_bip_389(vector: dict[str, Any]) -> None:
    if hardens_below_public(vector["descriptor"]) or vector["descriptor"].startswith(BARE):
        with pytest.raises(BadInputError):
            check_descriptor(neutered(vector["descriptor"]), MAIN, "descriptor")
        return
    if len(vector["descriptors"]) > 2:
        with pytest.raises(BadInputError, match="more than a receiving and an internal branch"):
            check_descriptor(vector["descriptor"], MAIN, "descriptor")
        return
    spelled = check_descriptor(vector["descriptor"], MAIN, "descriptor")
    assert branch_count(spelled, MAIN) == len(vector["descriptors"])
    for branch, single in enumerate(vector["descriptors"]):
        alone = check_descriptor(single, MAIN, "descriptor")
        for index in range(3):
            assert derive_script(spelled, MAIN, branch, index) == derive_script(
                alone, MAIN, 0, index
            )
