"""What an input reveals: whose keys the output it spends asked for, and the signatures offered.

Only scripts are read whose meaning is known from their template (a key, a key's hash, multisig,
`multi_a`), bare or wrapped in P2SH and P2WSH or as a taproot leaf. For everything else the answer
is `None`: no claim is made about a script that would have to be run.
"""

from dataclasses import dataclass
from typing import Literal

from sekisho.chains.bitcoin.curve import commits_to
from sekisho.chains.bitcoin.digests import hash160, tagged_hash
from sekisho.chains.bitcoin.reader import var_bytes
from sekisho.chains.bitcoin.scripts import (
    ScriptKind,
    classify,
    multi_a_of,
    multisig_of,
    p2pkh_of,
    p2sh_of,
    p2wsh_of,
    pushed_stack,
)
from sekisho.chains.bitcoin.transaction import TxIn

Rule = Literal["legacy", "segwit", "taproot"]

_ANNEX_TAG = 0x50
_TAPSCRIPT_LEAF = 0xC0
_CONTROL_SIZE_MIN = 33
_CONTROL_DEPTH_MAX = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Revealed:
    """What one input shows of the script that it satisfies."""

    kinds: tuple[ScriptKind, ...]
    """The kind of the spent output, then of each script found inside it."""
    threshold: int
    public_keys: tuple[bytes, ...]
    signatures: tuple[bytes, ...]
    """As they stand in the input, each with its sighash flag; empty ones are absent.

    By the taproot rule the signature at a place is for the key at that place. By the others a
    signature may be for any key.
    """
    rule: Rule
    script_code: bytes = b""
    """What legacy and segwit signatures sign of the script."""
    annex: bytes | None = None
    leaf_hash: bytes | None = None


def revealed_by(spending: TxIn, script: bytes) -> Revealed | None:
    """Return what an input that spends an output with `script` reveals; `None` if not understood.

    Also `None` where the input breaks a rule that would make it invalid: a witness where none
    belongs, a script that is not the one committed to, an empty input.
    """
    kind = classify(script)
    match kind:
        case ScriptKind.P2SH:
            return _of_p2sh(spending, script)
        case ScriptKind.P2WPKH | ScriptKind.P2WSH | ScriptKind.P2TR:
            if spending.script_sig:
                return None
            if kind is ScriptKind.P2TR:
                return _of_taproot(spending.witness, script[2:])
            return _of_witness(spending.witness, script, ())
        case _:
            stack = pushed_stack(spending.script_sig)
            if spending.witness or stack is None:
                return None
            return _of_template(stack, script, (), "legacy")


def _of_p2sh(spending: TxIn, script: bytes) -> Revealed | None:
    """BIP-16: the last push is the script; BIP-141: it may be a witness program, alone."""
    stack = pushed_stack(spending.script_sig)
    if not stack or p2sh_of(stack[-1]) != script:
        return None
    redeem_script, outer = stack[-1], (ScriptKind.P2SH,)
    if classify(redeem_script) in {ScriptKind.P2WPKH, ScriptKind.P2WSH}:
        if spending.script_sig != bytes((len(redeem_script),)) + redeem_script:
            return None
        return _of_witness(spending.witness, redeem_script, outer)
    if spending.witness:
        return None
    return _of_template(stack[:-1], redeem_script, outer, "legacy")


def _of_witness(
    witness: tuple[bytes, ...], program_script: bytes, outer: tuple[ScriptKind, ...]
) -> Revealed | None:
    """BIP-141, version 0: a key's hash as if P2PKH, or the last item is the script."""
    kinds = (*outer, classify(program_script))
    if kinds[-1] is ScriptKind.P2WPKH:
        key_script = p2pkh_of(program_script[2:])
        return _of_template(witness, key_script, kinds, "segwit", named=False)
    if not witness or p2wsh_of(witness[-1]) != program_script:
        return None
    return _of_template(witness[:-1], witness[-1], kinds, "segwit")


def _of_template(
    stack: tuple[bytes, ...],
    script: bytes,
    outer: tuple[ScriptKind, ...],
    rule: Rule,
    *,
    named: bool = True,
) -> Revealed | None:
    """Read the stack by the template of `script`; `named` adds its kind to those found."""
    kind = classify(script)
    keys: tuple[bytes, ...]
    threshold = 1
    match kind:
        case ScriptKind.P2PK if len(stack) <= 1:
            keys, signatures = (script[1:-1],), stack
        case ScriptKind.P2PKH if len(stack) == 2 and hash160(stack[1]) == script[3:23]:
            keys, signatures = stack[1:], stack[:1]
        case ScriptKind.MULTISIG if not stack or not stack[0]:  # BIP-147: the spare item is empty
            multisig = multisig_of(script)
            if multisig is None or len(stack) > 1 + len(multisig.public_keys):
                return None
            keys, threshold, signatures = multisig.public_keys, multisig.threshold, stack[1:]
        case _:
            return None
    return Revealed(
        kinds=(*outer, kind) if named else outer,
        threshold=threshold,
        public_keys=keys,
        signatures=signatures,
        rule=rule,
        script_code=script,
    )


def _of_taproot(witness: tuple[bytes, ...], output_key: bytes) -> Revealed | None:
    """BIP-341: one item is a signature by the output key; more are a script and its proof."""
    annex = None
    if len(witness) >= 2 and witness[-1][:1] == bytes((_ANNEX_TAG,)):
        annex, witness = witness[-1], witness[:-1]
    if len(witness) <= 1:
        return Revealed(
            kinds=(ScriptKind.P2TR,),
            threshold=1,
            public_keys=(output_key,),
            signatures=witness,
            rule="taproot",
            annex=annex,
        )
    leaf_hash = _leaf_hash(witness[-2], witness[-1], output_key)
    multisig = multi_a_of(witness[-2])
    stack = witness[:-2]
    if leaf_hash is None or multisig is None or len(stack) != len(multisig.public_keys):
        return None
    return Revealed(
        kinds=(ScriptKind.P2TR,),
        threshold=multisig.threshold,
        public_keys=multisig.public_keys,
        signatures=stack[::-1],  # the first key's signature is on top
        rule="taproot",
        annex=annex,
        leaf_hash=leaf_hash,
    )


def _leaf_hash(script: bytes, control: bytes, output_key: bytes) -> bytes | None:
    """Return the tapleaf hash if the output key commits to the script as a BIP-342 leaf."""
    depth, rest = divmod(len(control) - _CONTROL_SIZE_MIN, 32)
    if rest or not 0 <= depth <= _CONTROL_DEPTH_MAX or control[0] & 0xFE != _TAPSCRIPT_LEAF:
        return None
    leaf_hash = tagged_hash("TapLeaf", bytes((_TAPSCRIPT_LEAF,)) + var_bytes(script))
    node, internal_key = leaf_hash, control[1:_CONTROL_SIZE_MIN]
    for at in range(_CONTROL_SIZE_MIN, len(control), 32):
        node = tagged_hash("TapBranch", b"".join(sorted((node, control[at : at + 32]))))
    tweak = tagged_hash("TapTweak", internal_key + node)
    bound = commits_to(
        output_key=output_key, parity=control[0] & 1, internal_key=internal_key, tweak=tweak
    )
    return leaf_hash if bound else None
