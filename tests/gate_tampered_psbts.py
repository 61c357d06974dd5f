"""One thing changed in the PSBT around an honest transaction: lies, leftovers and ambiguity."""

from collections.abc import Callable
from dataclasses import dataclass

from btclib_wallet.descriptors import miniscript_solver
from btclib_wallet.psbt.psbt import finalize
from gate_psbts import bytes_of_maps, maps_of, signed_psbt, with_pair, without
from gate_scene import FEE_SAT, Attempt, Scene, honest, scene
from world_coins import funding

from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import TxOut
from sekisho.kernel.money import Sat
from sekisho.wallets.descriptors import inner_scripts

GLOBAL, FIRST_INPUT, SECOND_INPUT, FIRST_OUTPUT = 0, 1, 2, 3
TX, PREVIOUS, WITNESS_UTXO, SIGHASH = b"\x00", b"\x00", b"\x01", b"\x03"
REDEEM_SCRIPT, WITNESS_SCRIPT = b"\x04", b"\x05"
VOUT, SEQUENCE, HEIGHT_LOCK, MODIFIABLE, VERSION = b"\x0f", b"\x10", b"\x12", b"\x06", b"\xfb"
MUSIG2_SIG = b"\x1c"

Edit = Callable[[bytes, Scene], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class TamperedPSBT:
    """A PSBT that is not in order, although the transaction is what the pass allows."""

    name: str
    edit: Edit
    gate: str
    kind: str = "wsh_sortedmulti"
    version: int = 0

    def attempt(self) -> Attempt:
        setting = scene(self.kind)
        before = honest(setting, version=self.version)
        return Attempt(
            scene=setting,
            psbt=self.edit(before.psbt, setting),
            digest=before.digest,
            genesis=before.genesis,
        )


def put(place: int, key: bytes, value: bytes) -> Edit:
    """Return an edit that sets one value."""
    return lambda psbt, _: with_pair(psbt, place, key, value)


def take(place: int, *keys: bytes) -> Edit:
    """Return an edit that takes out every key that begins as one of `keys` does."""

    def edit(psbt: bytes, _: Scene) -> bytes:
        for key in keys:
            psbt = without(psbt, place, key)
        return psbt

    return edit


def claimed(more_sat: int, script: bytes | None = None) -> Edit:
    """Return an edit that lies about the amount or script of the first coin."""

    def edit(psbt: bytes, before: Scene) -> bytes:
        true = before.funded.outputs[0]
        lie = TxOut(amount_sat=Sat(true.amount_sat + more_sat), script=script or true.script)
        return with_pair(psbt, FIRST_INPUT, WITNESS_UTXO, lie.serialize())

    return edit


def previous(change: Callable[[bytes], bytes]) -> Edit:
    """Return an edit of the first input's previous transaction."""
    return lambda psbt, before: with_pair(
        psbt, FIRST_INPUT, PREVIOUS, change(before.funded.serialize())
    )


def signed_by(name: str) -> Edit:
    return lambda psbt, _: signed_psbt(psbt, by=[name]).serialize()


def final(psbt: bytes, _: Scene) -> bytes:
    return finalize(signed_psbt(psbt), solver=miniscript_solver).serialize()


def script_of_next(place: int, key: bytes) -> Edit:
    """Return an edit that shows the script of another index of the same wallet."""

    def edit(psbt: bytes, before: Scene) -> bytes:
        scripts = inner_scripts(before.wallet.descriptor, Network.MAIN, 0, 4)
        script = max(scripts, key=len) if key == WITNESS_SCRIPT else min(scripts, key=len)
        return with_pair(psbt, place, key, script)

    return edit


def twice(place: int) -> Edit:
    """Return an edit that writes the first key of a map twice."""

    def edit(psbt: bytes, _: Scene) -> bytes:
        maps = maps_of(psbt)
        maps[place].append(maps[place][0])
        return bytes_of_maps(maps)

    return edit


def spent_twice(psbt: bytes, _: Scene) -> bytes:
    maps = maps_of(psbt)
    maps[SECOND_INPUT] = maps[FIRST_INPUT]
    return bytes_of_maps(maps)


def with_script_sig(psbt: bytes, before: Scene) -> bytes:
    unsigned = before.unsigned.serialize()
    return with_pair(psbt, GLOBAL, TX, unsigned[:41] + b"\x01\x51" + unsigned[42:])


def in_segwit_form(psbt: bytes, before: Scene) -> bytes:
    unsigned = before.unsigned.serialize()
    marked = unsigned[:4] + b"\x00\x01" + unsigned[4:-4] + b"\x00\x00" + unsigned[-4:]
    return with_pair(psbt, GLOBAL, TX, marked)


def without_last_map(psbt: bytes, _: Scene) -> bytes:
    return bytes_of_maps(maps_of(psbt)[:-1])


def length_written_long(psbt: bytes, _: Scene) -> bytes:
    return psbt[:5] + b"\xfd\x01\x00" + psbt[6:]


OTHER_SCRIPT = b"\x00\x20" + bytes(32)
UNREADABLE = "psbt_unreadable"
LIES_ABOUT = "psbt_not_valid witness_utxo_lies"

LIES = (
    TamperedPSBT(name="claims a larger amount", edit=claimed(400_000_000), gate=LIES_ABOUT),
    TamperedPSBT(name="claims a smaller amount", edit=claimed(-1), gate=LIES_ABOUT),
    TamperedPSBT(name="claims another script", edit=claimed(0, OTHER_SCRIPT), gate=LIES_ABOUT),
    TamperedPSBT(
        name="a segwit coin's amount is only claimed",
        edit=take(FIRST_INPUT, PREVIOUS),
        gate="previous_missing fee_unknown",
    ),
    TamperedPSBT(
        name="a segwit coin's amount is only claimed, and wrongly",
        edit=lambda psbt, s: claimed(FEE_SAT)(without(psbt, FIRST_INPUT, PREVIOUS), s),
        gate="previous_missing fee_unknown",
    ),
    TamperedPSBT(
        name="a legacy coin's amount is only claimed",
        kind="pkh",
        edit=lambda psbt, s: claimed(0)(without(psbt, FIRST_INPUT, PREVIOUS), s),
        gate="previous_missing fee_unknown",
    ),
    TamperedPSBT(
        name="nothing is said of what is spent",
        edit=take(FIRST_INPUT, PREVIOUS, WITNESS_UTXO),
        gate="previous_missing fee_unknown",
    ),
    TamperedPSBT(
        name="nothing is said of the taproot coin that is spent",
        kind="tr",
        edit=take(SECOND_INPUT, PREVIOUS, WITNESS_UTXO),
        gate="previous_missing fee_unknown",
    ),
    TamperedPSBT(
        name="a taproot coin's amount is only claimed, and the claim leaves more to miners",
        kind="tr",
        edit=lambda psbt, s: claimed(1)(without(psbt, FIRST_INPUT, PREVIOUS), s),
        gate="fee_too_high",
    ),
    TamperedPSBT(
        name="the previous transaction is another",
        edit=lambda psbt, s: with_pair(
            psbt, FIRST_INPUT, PREVIOUS, funding(s.wallet, 50_000_000, salt="other").serialize()
        ),
        gate="psbt_not_valid previous_differs fee_unknown",
    ),
    TamperedPSBT(
        name="an amount was changed in the previous transaction",
        edit=previous(lambda raw: raw.replace(b"\x80\xf0\xfa\x02", b"\x81\xf0\xfa\x02", 1)),
        gate="psbt_not_valid previous_differs fee_unknown",
    ),
    TamperedPSBT(
        name="the previous transaction is cut",
        edit=previous(lambda raw: raw[:-1]),
        gate=UNREADABLE,
    ),
    TamperedPSBT(
        name="the previous transaction has a byte too many",
        edit=previous(lambda raw: raw + b"\x00"),
        gate=UNREADABLE,
    ),
    TamperedPSBT(
        name="a coin that the previous transaction does not have",
        version=2,
        edit=put(SECOND_INPUT, VOUT, (3).to_bytes(4, "little")),
        gate="psbt_not_valid previous_has_no_output input_not_allowed fee_unknown",
    ),
    TamperedPSBT(
        name="the same coin in two inputs",
        version=2,
        edit=spent_twice,
        gate="psbt_not_valid input_twice fee_too_high feerate_too_high",
    ),
)

SCRIPTS = (
    TamperedPSBT(
        name="the witness script is mallory's",
        edit=put(FIRST_INPUT, WITNESS_SCRIPT, b"\x51"),
        gate="script_not_ours",
    ),
    TamperedPSBT(
        name="the witness script is that of another coin of the wallet",
        edit=script_of_next(FIRST_INPUT, WITNESS_SCRIPT),
        gate="script_not_ours",
    ),
    TamperedPSBT(
        name="the witness script inside P2SH is another",
        kind="sh_wsh_sortedmulti",
        edit=script_of_next(SECOND_INPUT, WITNESS_SCRIPT),
        gate="script_not_ours",
    ),
    TamperedPSBT(
        name="the redeem script is another",
        kind="sh_wsh_sortedmulti",
        edit=script_of_next(FIRST_INPUT, REDEEM_SCRIPT),
        gate="script_not_ours",
    ),
    TamperedPSBT(
        name="a redeem script where none belongs",
        kind="wpkh",
        edit=put(FIRST_INPUT, REDEEM_SCRIPT, b"\x51"),
        gate="script_not_ours",
    ),
)

SIGNED = (
    TamperedPSBT(
        name="a partial signature is there",
        edit=signed_by("alpha"),
        gate="signed_already signed_already",
    ),
    TamperedPSBT(
        name="final witnesses are there", edit=final, gate="signed_already signed_already"
    ),
    TamperedPSBT(
        name="final scriptSigs are there",
        kind="pkh",
        edit=final,
        gate="signed_already signed_already",
    ),
    TamperedPSBT(
        name="a taproot signature is there",
        kind="tr",
        edit=signed_by("alpha"),
        gate="signed_already signed_already",
    ),
    TamperedPSBT(
        name="a taproot leaf's signature is there",
        kind="tr_leaves",
        edit=signed_by("beta"),
        gate="signed_already signed_already",
    ),
    TamperedPSBT(
        name="a MuSig2 partial signature is there",
        kind="tr",
        edit=put(FIRST_INPUT, MUSIG2_SIG + b"\x02" * 66, b"\x01" * 32),
        gate="signed_already",
    ),
)

SIGHASHES = (
    *(
        TamperedPSBT(
            name=f"{what} is asked for",
            edit=put(SECOND_INPUT, SIGHASH, bytes([flag, 0, 0, 0])),
            gate="sighash_not_all",
        )
        for what, flag in (
            ("SIGHASH_NONE", 0x02),
            ("SIGHASH_SINGLE", 0x03),
            ("SIGHASH_ALL|ANYONECANPAY", 0x81),
            ("SIGHASH_NONE|ANYONECANPAY", 0x82),
            ("SIGHASH_SINGLE|ANYONECANPAY", 0x83),
            ("SIGHASH_DEFAULT, which only taproot has,", 0x00),
        )
    ),
    TamperedPSBT(
        name="SIGHASH_NONE is asked for on a taproot coin",
        kind="tr",
        edit=put(FIRST_INPUT, SIGHASH, b"\x02\x00\x00\x00"),
        gate="sighash_not_all",
    ),
    TamperedPSBT(
        name="a sighash that does not exist is asked for",
        edit=put(FIRST_INPUT, SIGHASH, b"\x04\x00\x00\x00"),
        gate=UNREADABLE,
    ),
)

VERSIONS = (
    *(
        TamperedPSBT(
            name=f"modifiable flags {flags}",
            version=2,
            edit=put(GLOBAL, MODIFIABLE, bytes([flags])),
            gate="still_modifiable",
        )
        for flags in (1, 2, 3, 4, 8, 128)
    ),
    TamperedPSBT(
        name="an input requires a height beyond the range",
        version=2,
        edit=put(FIRST_INPUT, HEIGHT_LOCK, (1_000_001).to_bytes(4, "little")),
        gate="locktime_not_allowed",
    ),
    TamperedPSBT(
        name="an input without its sequence is final",
        version=2,
        edit=take(FIRST_INPUT, SEQUENCE),
        gate="sequence_not_allowed",
    ),
    TamperedPSBT(
        name="version 0 with a modifiable flag",
        edit=put(GLOBAL, MODIFIABLE, b"\x01"),
        gate=UNREADABLE,
    ),
    TamperedPSBT(
        name="version 0 with a count of inputs",
        edit=put(GLOBAL, b"\x04", b"\x01"),
        gate=UNREADABLE,
    ),
    TamperedPSBT(
        name="version 0 with an outpoint of version 2",
        edit=put(FIRST_INPUT, VOUT, bytes(4)),
        gate=UNREADABLE,
    ),
    TamperedPSBT(
        name="version 0 with an amount of version 2",
        edit=put(FIRST_OUTPUT, b"\x03", (1).to_bytes(8, "little")),
        gate=UNREADABLE,
    ),
    TamperedPSBT(
        name="version 2 with a transaction of version 0",
        version=2,
        edit=lambda psbt, s: with_pair(psbt, GLOBAL, TX, s.unsigned.serialize()),
        gate=UNREADABLE,
    ),
    *(
        TamperedPSBT(
            name=f"PSBT version {version}",
            edit=put(GLOBAL, VERSION, version.to_bytes(4, "little")),
            gate=UNREADABLE,
        )
        for version in (1, 2, 3)
    ),
)

FORM = (
    *(
        TamperedPSBT(name=f"a key twice in map {place}", edit=twice(place), gate=UNREADABLE)
        for place in (GLOBAL, FIRST_INPUT, 6)
    ),
    TamperedPSBT(name="bytes after the end", edit=lambda psbt, _: psbt + b"abc", gate=UNREADABLE),
    TamperedPSBT(name="a map too many", edit=lambda psbt, _: psbt + b"\x00", gate=UNREADABLE),
    TamperedPSBT(name="a map too few", edit=without_last_map, gate=UNREADABLE),
    TamperedPSBT(name="the last byte missing", edit=lambda psbt, _: psbt[:-1], gate=UNREADABLE),
    TamperedPSBT(name="cut in half", edit=lambda p, _: p[: len(p) // 2], gate=UNREADABLE),
    TamperedPSBT(name="only the beginning", edit=lambda psbt, _: psbt[:5], gate=UNREADABLE),
    TamperedPSBT(name="nothing at all", edit=lambda _psbt, _: b"", gate=UNREADABLE),
    TamperedPSBT(
        name="the bare transaction", edit=lambda _, s: s.unsigned.serialize(), gate=UNREADABLE
    ),
    TamperedPSBT(name="a scriptSig in it", edit=with_script_sig, gate=UNREADABLE),
    TamperedPSBT(name="written as segwit is", edit=in_segwit_form, gate=UNREADABLE),
    TamperedPSBT(name="a length written long", edit=length_written_long, gate=UNREADABLE),
)

TAMPERED_PSBTS = (*LIES, *SCRIPTS, *SIGNED, *SIGHASHES, *VERSIONS, *FORM)

HARMLESS: tuple[tuple[str, str, int, Edit], ...] = (
    ("a key nobody knows", "wsh_sortedmulti", 0, put(GLOBAL, b"\x77\x01", b"note")),
    ("a proprietary field", "wsh_sortedmulti", 2, put(FIRST_INPUT, b"\xfc\x03abc\x00", b"note")),
    ("SIGHASH_ALL said", "wsh_sortedmulti", 0, put(FIRST_INPUT, SIGHASH, b"\x01\x00\x00\x00")),
    ("SIGHASH_DEFAULT said", "tr", 2, put(FIRST_INPUT, SIGHASH, bytes(4))),
    ("flags that are all down", "wsh_sortedmulti", 2, put(GLOBAL, MODIFIABLE, b"\x00")),
    ("no witness_utxo beside the previous", "wpkh", 0, take(FIRST_INPUT, WITNESS_UTXO)),
    ("no previous where a taproot coin is proven by its signature", "tr", 0, take(1, PREVIOUS)),
    ("no witness script", "wsh_sortedmulti", 0, take(FIRST_INPUT, WITNESS_SCRIPT)),
    ("no derivations", "wsh_sortedmulti", 0, take(FIRST_INPUT, b"\x06")),
    ("a required height in the range", "wpkh", 2, put(1, HEIGHT_LOCK, bytes([100, 0, 0, 0]))),
)
"""What must not make the gate say no: the name, the wallet, the version, and the change."""
