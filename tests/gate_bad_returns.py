"""What no signer should give back: one thing wrong with each, under the name of what it is."""

from dataclasses import dataclass

from gate_return_edits import (
    CHANGE,
    FIRST_INPUT,
    FIRST_OUTPUT,
    GLOBAL,
    Bytes,
    annexed,
    another_previous,
    another_wallets,
    by_a_stranger,
    changed,
    claimed,
    finals_swapped,
    first_unsigned,
    first_unsigned_and_sent,
    flagged,
    in_script_sig,
    in_witness,
    next_script,
    of_key,
    of_next_input,
    on_first,
    over_another,
    put,
    script_of_next,
    twice,
    under_another_leaf,
    unsigned_but_paying_less,
    with_bit_flipped,
    with_explicit_default,
    with_high_s,
)
from gate_returns import PARTIAL, TAP_KEY_SIG, TAPROOT, extracted, signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """Something that a signer returned, and the codes that it is refused with."""

    name: str
    make: Bytes
    codes: str
    kind: str = "wsh_sortedmulti"
    version: int = 0


POINT = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
TINY = bytes.fromhex("300602010102010101")
"""An ECDSA signature in form only."""
HOSTILE = " return_hostile"
FOREIGN = "return_key_foreign"
INVALID = "return_signature_invalid"
FAILS = "return_script_fails" + HOSTILE
CHANGED = "return_field_changed" + HOSTILE
UNREADABLE = "return_unreadable" + HOSTILE
NOT_ALL = "return_sighash_not_all" + HOSTILE
UNSIGNED = "return_unsigned"

EVERYWHERE: tuple[tuple[str, Bytes, str], ...] = (
    ("signatures over another transaction", on_first(over_another), INVALID + HOSTILE),
    ("a bit of each signature flipped", on_first(with_bit_flipped), INVALID + HOSTILE),
    ("a stranger's key", on_first(by_a_stranger), f"{FOREIGN} {INVALID}{HOSTILE}"),
    ("final scripts swapped", finals_swapped, FAILS),
    ("one input unsigned", first_unsigned, UNSIGNED),
    ("one input unsigned, and extracted", first_unsigned_and_sent, UNSIGNED),
    ("an empty item below", in_witness(lambda witness: (b"", *witness)), FAILS),
    ("an item below", in_witness(lambda witness: (b"\x01", *witness)), FAILS),
    ("an item above", in_witness(lambda witness: (*witness, b"\x01")), FAILS),
    ("an operation after", in_script_sig(lambda script: script + b"\x51"), FAILS),
    ("an operation before", in_script_sig(lambda script: b"\x51" + script), FAILS),
    ("another wallet's", another_wallets, "return_transaction_differs" + HOSTILE),
    ("altered and unsigned", unsigned_but_paying_less, "return_transaction_differs"),
    ("nothing signed", lambda was: was.psbt, UNSIGNED),
    ("one key twice", twice, UNREADABLE),
    ("a byte after the PSBT", lambda was: signed(was.psbt) + b"\x00", UNREADABLE),
    (
        "a byte after the transaction",
        lambda was: extracted(was, signed(was.psbt)) + b"\x00",
        UNREADABLE,
    ),
    ("half of it", lambda was: signed(was.psbt)[: len(was.psbt) // 2], UNREADABLE),
    ("nothing at all", lambda _: b"", UNREADABLE),
    ("a sentence", lambda _: b"the device was not connected", UNREADABLE),
    ("a larger amount claimed", claimed(1), "return_not_valid " + CHANGED),
    ("another sighash asked", put(FIRST_INPUT, b"\x03", b"\x02\0\0\0"), CHANGED),
    ("another witness script", put(FIRST_INPUT, b"\x05", b"\x51"), CHANGED),
    ("something of the signer's own", put(FIRST_INPUT, b"\xfc\x01a", b"x"), CHANGED),
    ("something about an output", put(FIRST_OUTPUT, b"\xfc\x01a", b"x"), CHANGED),
    ("something about all of it", put(GLOBAL, b"\xfc\x01a", b"x"), CHANGED),
    (
        "part of a MuSig2 signature",
        put(FIRST_INPUT, b"\x1c" + POINT + POINT, bytes(32)),
        CHANGED,
    ),
    (
        "an ECDSA signature of nothing",
        put(FIRST_INPUT, PARTIAL + POINT, TINY),
        f"{FOREIGN} {INVALID}{HOSTILE}",
    ),
)
"""What is refused alike, whatever the wallet's scripts are."""

HERE_AND_THERE: tuple[Bad, ...] = (
    *(
        Bad(
            name=f"signed with sighash {flag:#x}",
            kind=kind,
            codes=NOT_ALL,
            make=on_first(of_key("alpha", flag)),
        )
        for kind in ("pkh", "wpkh", "tr")
        for flag in (0x02, 0x03, 0x81, 0x82, 0x83)
    ),
    Bad(name="no such sighash", kind="wpkh", make=on_first(of_key("alpha", 0x41)), codes=NOT_ALL),
    Bad(
        name="signed, and the sighash byte changed",
        kind="sh_wpkh",
        make=on_first(flagged(2)),
        codes=f"{INVALID} {NOT_ALL}",
    ),
    Bad(
        name="a stranger signed validly",
        kind="wpkh",
        make=on_first(of_key("mallory", 1)),
        codes=FOREIGN + HOSTILE,
    ),
    *(
        Bad(name="a high S", kind=kind, make=on_first(with_high_s), codes=INVALID + HOSTILE)
        for kind in ("pkh", "sh_wpkh", "wsh_sortedmulti", "miniscript")
    ),
    Bad(
        name="the next input's signatures",
        make=on_first(of_next_input),
        codes=f"{FOREIGN} {INVALID}{HOSTILE}",
    ),
    Bad(
        name="the next input's signature, same key",
        kind="fixed_wpkh",
        make=on_first(of_next_input),
        codes=INVALID + HOSTILE,
    ),
    *(
        Bad(
            name="an annex",
            kind=kind,
            make=in_witness(lambda witness: (*witness, b"\x50")),
            codes="return_annex " + FAILS,
        )
        for kind in TAPROOT
    ),
    Bad(
        name="an annex that is signed",
        kind="tr",
        make=annexed,
        codes="return_annex" + HOSTILE,
    ),
    Bad(
        name="another leaf",
        kind="tr_leaves",
        make=on_first(under_another_leaf),
        codes=f"{FOREIGN} {INVALID}{HOSTILE}",
    ),
    Bad(name="too much", make=lambda _: bytes(64 * 1024 * 1024 + 1), codes=UNREADABLE),
    Bad(
        name="an explicit default by the output key",
        kind="tr",
        make=on_first(with_explicit_default),
        codes=UNREADABLE,
    ),
    Bad(
        name="an explicit default in a leaf",
        kind="tr_multi_a",
        make=on_first(with_explicit_default),
        codes=UNREADABLE,
    ),
    Bad(
        name="a taproot signature where there is no taproot",
        make=put(FIRST_INPUT, TAP_KEY_SIG, bytes(64)),
        codes=f"{INVALID} {NOT_ALL}",
    ),
    Bad(
        name="no witness for a wrapped script",
        kind="sh_wpkh",
        make=in_witness(lambda _: ()),
        codes=FAILS,
    ),
    Bad(
        name="the script of another index in the witness",
        make=in_witness(lambda witness: (*witness[:-1], next_script("wsh_sortedmulti"))),
        codes=FAILS,
    ),
    Bad(name="the script of another index", make=script_of_next(b"\x05"), codes=CHANGED),
    Bad(name="a derivation", make=changed(FIRST_INPUT, b"\x06"), codes=CHANGED),
    Bad(name="a taproot derivation", kind="tr", make=changed(FIRST_INPUT, b"\x16"), codes=CHANGED),
    Bad(name="a derivation of change", make=changed(CHANGE, b"\x02"), codes=CHANGED),
    Bad(
        name="a script of change",
        make=changed(CHANGE, b"\x01"),
        codes=CHANGED,
    ),
    Bad(
        name="still to be changed",
        version=2,
        make=put(GLOBAL, b"\x06", b"\x03"),
        codes=CHANGED,
    ),
    Bad(
        name="another transaction as the coin's",
        kind="tr",
        make=another_previous,
        codes="return_not_valid " + CHANGED,
    ),
    Bad(
        name="a size in more bytes than it needs",
        make=lambda was: (psbt := signed(was.psbt))[:5] + b"\xfd\x01\x00" + psbt[6:],
        codes=UNREADABLE,
    ),
)
