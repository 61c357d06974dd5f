"""A program that signs as HWI does for a device, from a seed in a file; honest, or told not to be.

    python tests/software_signer.py --seed FILE enumerate
    ... --seed FILE --fingerprint F --chain regtest getdescriptors --account 0
    ... --seed FILE --fingerprint F --chain regtest displayaddress --desc DESCRIPTOR
    ... --seed FILE --stdin --fingerprint F --chain regtest        (then: signtx BASE64)

FILE is JSON: `{"seed": "64 hex characters", "hostile": ""}`. `hostile` names what is done to a
transaction on its way back, one of HOSTILE; empty is nothing. For regtest and stories only.
"""

import json
import shlex
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from embit import script
from embit.bip32 import HDKey
from embit.descriptor import Descriptor
from embit.descriptor.checksum import add_checksum
from embit.ec import PrivateKey
from embit.networks import NETWORKS
from embit.psbt import PSBT
from embit.transaction import SIGHASH

THIEF = script.p2wpkh(PrivateKey(b"\x07" * 32).get_public_key())
OTHER = HDKey.from_seed(b"somebody else's seed" * 2)
KINDS = {44: "pkh({})", 49: "sh(wpkh({}))", 84: "wpkh({})", 86: "tr({})"}
"""Those of HWI's `getdescriptors`, by BIP-44 purpose."""
REGTEST = NETWORKS["regtest"]


def _as_asked(psbt: Any, root: Any) -> None:  # noqa: ANN401 - embit publishes no types
    psbt.sign_with(root)


def _other_output(psbt: Any, root: Any) -> None:  # noqa: ANN401 - the same
    paid = max(psbt.outputs, key=lambda each: not each.bip32_derivations)
    paid.script_pubkey = THIEF
    psbt.sign_with(root)


def _dropped_output(psbt: Any, root: Any) -> None:  # noqa: ANN401 - the same
    psbt.outputs.remove(min(psbt.outputs, key=lambda each: not each.bip32_derivations))
    psbt.sign_with(root)


def _other_key(psbt: Any, root: Any) -> None:  # noqa: ANN401, ARG001 - the same; not with ours
    for place, each in enumerate(psbt.inputs):
        digest = psbt.sighash(place, sighash=SIGHASH.ALL)
        for public_key in each.bip32_derivations:
            signature = OTHER.key.sign(digest).serialize() + bytes([SIGHASH.ALL])
            each.partial_sigs[public_key] = signature


def _foreign_signature(psbt: Any, root: Any) -> None:  # noqa: ANN401 - the same
    psbt.sign_with(root)
    for place, each in enumerate(psbt.inputs):
        digest = psbt.sighash(place, sighash=SIGHASH.ALL)
        signature = OTHER.key.sign(digest).serialize() + bytes([SIGHASH.ALL])
        each.partial_sigs[OTHER.key.get_public_key()] = signature


def _sighash_none(psbt: Any, root: Any) -> None:  # noqa: ANN401 - the same
    for each in psbt.inputs:
        each.sighash_type = SIGHASH.NONE
    psbt.sign_with(root, sighash=SIGHASH.NONE)


def _unsigned(psbt: Any, root: Any) -> None:  # noqa: ANN401 - the same
    """As a device whose owner pressed nothing, in HWI's words `signed: false`."""


HOSTILE: dict[str, Callable[[Any, Any], None]] = {
    "other output": _other_output,
    "dropped output": _dropped_output,
    "signature by another key": _other_key,
    "a second signature": _foreign_signature,
    "signature over nothing": _sighash_none,
    "no signature": _unsigned,
}


def main() -> None:
    """Answer one question with one line of JSON."""
    parser = ArgumentParser()
    for name in ("--seed", "--fingerprint", "--chain", "--account", "--desc"):
        parser.add_argument(name)
    parser.add_argument("--stdin", action="store_true")
    parser.add_argument("words", nargs="*")
    asked = parser.parse_args()
    if asked.stdin:
        asked.words = shlex.split(sys.stdin.readline())
    settings = json.loads(Path(asked.seed).read_text(encoding="utf-8"))
    root = HDKey.from_seed(bytes.fromhex(settings["seed"]))
    fingerprint = root.my_fingerprint.hex()
    command, *words = asked.words
    answer: object
    if command == "enumerate":
        answer = [{"type": "software", "model": "software", "fingerprint": fingerprint}]
    elif (asked.fingerprint, asked.chain) != (fingerprint, "regtest"):
        answer = {"error": "no such device", "code": -3}
    elif command == "getdescriptors":
        answer = {
            "receive": _descriptors(root, asked.account, branch=0),
            "internal": _descriptors(root, asked.account, branch=1),
        }
    elif command == "displayaddress":
        # Newer nodes put what they ask in no quotes, older ones in double quotes.
        answer = {"address": Descriptor.from_string(asked.desc.strip('"')).address(REGTEST)}
    else:
        psbt: Any = PSBT.from_string(words[0])
        HOSTILE.get(settings["hostile"], _as_asked)(psbt, root)
        answer = {"psbt": psbt.to_string(), "signed": psbt.to_string() != words[0]}
    sys.stdout.write(json.dumps(answer) + "\n")


def _descriptors(root: Any, account: str, *, branch: int) -> list[str]:  # noqa: ANN401 - as above
    found = []
    for purpose, kind in KINDS.items():
        path = f"{purpose}h/1h/{account}h"
        public = root.derive(f"m/{path}").to_public().to_base58(REGTEST["xpub"])
        key = f"[{root.my_fingerprint.hex()}/{path}]{public}/{branch}/*"
        found.append(add_checksum(kind.format(key)))
    return found


if __name__ == "__main__":
    main()
