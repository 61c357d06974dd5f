"""Which keys signed which input, worked out from the bytes and never taken on anyone's word.

The answer is about keys, not about validity: it says whose signatures over this very transaction
are there. It does not run scripts, so locktimes and the like are not judged. An input whose script
is not one of the known templates gets `understood=False` and no claim at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sekisho.chains.bitcoin.curve import is_low_s, verify_ecdsa, verify_schnorr
from sekisho.chains.bitcoin.revealed import Revealed, revealed_by
from sekisho.chains.bitcoin.scripts import ScriptKind, classify
from sekisho.chains.bitcoin.sighash import (
    DEFAULT,
    Signed,
    legacy_digest,
    segwit_digest,
    sighash_name,
    signed_parts,
    taproot_digest,
)
from sekisho.chains.bitcoin.transaction import Transaction, TxOut

SignatureState = Literal["valid", "invalid", "absent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySignature:
    """What one key of an input's script has signed."""

    public_key: bytes
    """33 or 65 bytes, or the 32 of BIP-340 by the taproot rules."""
    position: int
    """Its place among the script's keys; the first is 0."""
    state: SignatureState
    """`invalid`: this key's signature does not verify, and one is there that is nobody's.

    In a multisig script nothing says whose a signature was meant to be. One that verifies under
    no key makes every key without a valid signature `invalid`, not `absent`.
    """
    sighash: str
    """The flag's name ("ALL", "SINGLE|ANYONECANPAY", "DEFAULT"); empty where `absent`."""
    low_s: bool = True
    """False for a valid ECDSA signature that is not in the one form that nodes relay (BIP-146)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSignatures:
    """The keys that one input's script asks for, and what each has signed."""

    index: int
    kind: ScriptKind
    """Of the output that is spent."""
    threshold: int
    """How many of the keys must sign; 0 where not understood."""
    keys: tuple[KeySignature, ...]
    """In the script's order; empty where not understood."""
    understood: bool
    """False: the script is no known template, or is not revealed, and nothing is claimed."""
    inner_kinds: tuple[ScriptKind, ...] = ()
    """The kinds of the scripts found inside, outermost first: P2WSH, MULTISIG inside a P2SH."""

    @property
    def is_signed(self) -> bool:
        """Whether as many keys as the script asks for have validly signed.

        False where not understood. That the signatures stand in the order that the script wants,
        and whatever else it may ask, is not judged.
        """
        valid = sum(each.state == "valid" for each in self.keys)
        return self.understood and valid >= self.threshold > 0


def signatures_of(transaction: Transaction, spent: Sequence[TxOut]) -> tuple[InputSignatures, ...]:
    """Return, for each input in order, which keys have signed it.

    `spent` are the outputs that the inputs spend, one for each and in order: the caller's word,
    which BIP-143 and BIP-341 signatures themselves confirm. Raises `ValueError` for another number
    of them.
    """
    signed = signed_parts(transaction, spent)
    return tuple(_of_input(signed, index) for index in range(len(transaction.inputs)))


def _of_input(signed: Signed, index: int) -> InputSignatures:
    script = signed.spent[index].script
    revealed = revealed_by(signed.transaction.inputs[index], script)
    if revealed is None:
        return InputSignatures(
            index=index, kind=classify(script), threshold=0, keys=(), understood=False
        )
    judge = _by_place if revealed.rule == "taproot" else _by_any_key
    return InputSignatures(
        index=index,
        kind=revealed.kinds[0],
        threshold=revealed.threshold,
        keys=judge(signed, index, revealed),
        understood=True,
        inner_kinds=revealed.kinds[1:],
    )


def _by_any_key(signed: Signed, index: int, revealed: Revealed) -> tuple[KeySignature, ...]:
    """Judge ECDSA signatures, each of which may be by any key that has none yet."""
    owned, strays = _matched(signed, index, revealed)
    stray_names = " or ".join(sorted({sighash_name(each[-1]) for each in strays}))
    return tuple(
        KeySignature(
            public_key=key,
            position=position,
            state="valid",
            sighash=sighash_name(owned[position][-1]),
            low_s=is_low_s(owned[position][:-1]),
        )
        if position in owned
        else KeySignature(
            public_key=key,
            position=position,
            state="invalid" if strays else "absent",
            sighash=stray_names,
        )
        for position, key in enumerate(revealed.public_keys)
    )


def _matched(
    signed: Signed, index: int, revealed: Revealed
) -> tuple[dict[int, bytes], list[bytes]]:
    """Return the signature of each key that has one, by position, and those that are nobody's.

    Keys are tried from the one after the last owner on: in a valid input the signatures stand in
    the order of their keys, so that no more are tried than OP_CHECKMULTISIG itself would try.
    """
    digest_of = legacy_digest if revealed.rule == "legacy" else segwit_digest
    keys = revealed.public_keys
    owned: dict[int, bytes] = {}
    strays: list[bytes] = []
    first = 0
    for signature in filter(None, revealed.signatures):
        digest = digest_of(signed, index, revealed.script_code, signature[-1])
        for position in (*range(first, len(keys)), *range(first)):
            if position not in owned and verify_ecdsa(
                public_key=keys[position], signature=signature[:-1], digest=digest
            ):
                owned[position] = signature
                first = position + 1
                break
        else:
            strays.append(signature)
    return owned, strays


def _by_place(signed: Signed, index: int, revealed: Revealed) -> tuple[KeySignature, ...]:
    """Judge BIP-340 signatures, each for the key at its place."""
    signatures = revealed.signatures or (b"",)
    return tuple(
        _schnorr(signed, index, revealed, position)
        if signatures[position]
        else KeySignature(public_key=key, position=position, state="absent", sighash="")
        for position, key in enumerate(revealed.public_keys)
    )


def _schnorr(signed: Signed, index: int, revealed: Revealed, position: int) -> KeySignature:
    key, signature = revealed.public_keys[position], revealed.signatures[position]
    flag = signature[64] if len(signature) == 65 else DEFAULT
    explicit_default = len(signature) == 65 and flag == DEFAULT  # BIP-341: never valid
    digest = taproot_digest(
        signed, index, flag, annex=revealed.annex, leaf_hash=revealed.leaf_hash
    )
    valid = (
        digest is not None
        and not explicit_default
        and len(signature) in {64, 65}
        and verify_schnorr(public_key=key, signature=signature[:64], digest=digest)
    )
    return KeySignature(
        public_key=key,
        position=position,
        state="valid" if valid else "invalid",
        sighash="DEFAULT" if flag == DEFAULT else sighash_name(flag),
    )
