"""Scripts: each kind is told by its exact template, and two other libraries see the same."""

import pytest
from bitcoin_vectors import block_bytes, json_of
from btclib.script.script_pub_key import type_and_payload
from hypothesis import given
from hypothesis import strategies as st

from sekisho.chains.bitcoin.blocks import parse_block
from sekisho.chains.bitcoin.digests import hash160
from sekisho.chains.bitcoin.scripts import (
    OP_1,
    OP_CHECKMULTISIG,
    Multisig,
    ScriptKind,
    classify,
    multi_a_of,
    multisig_of,
    operations,
    p2pk_key,
    p2pkh_of,
    p2sh_of,
    p2wsh_of,
    parse_operations,
    pushed_stack,
    witness_program,
)

KEY = bytes.fromhex("022a3ec327cd0b967b53e25439d6ab05a57e55ba82c3cdf03c94b83106711d43ff")
KEYS = (
    KEY,
    bytes.fromhex("03e8b76584f2a41aadd97e461721875a7ced12ab0ba9266181eae68e95bc03e190"),
    bytes.fromhex("028228f84daf8d397fcf252af0114c53db7a354c7ffcf293e8a6997cb1b253ac8f"),
)
LONG_KEY = b"\x04" + bytes(64)

# btclib's words for the kinds; it has no word for the rest
BTCLIB_KINDS = {
    "p2pk": ScriptKind.P2PK,
    "p2pkh": ScriptKind.P2PKH,
    "p2sh": ScriptKind.P2SH,
    "p2wpkh": ScriptKind.P2WPKH,
    "p2wsh": ScriptKind.P2WSH,
    "p2tr": ScriptKind.P2TR,
}


def multisig_script(threshold: int, keys: tuple[bytes, ...], total: int | None = None) -> bytes:
    pushed = b"".join(bytes((len(key),)) + key for key in keys)
    total = len(keys) if total is None else total
    return number(threshold) + pushed + number(total) + bytes((OP_CHECKMULTISIG,))


def number(value: int) -> bytes:
    if value == 0:
        return b"\x00"
    return bytes((OP_1 + value - 1,)) if value <= 16 else bytes((1, value))


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (f"21{KEY.hex()}ac", ScriptKind.P2PK),
        (f"41{LONG_KEY.hex()}ac", ScriptKind.P2PK),
        (f"41{'06' + '00' * 64}ac", ScriptKind.P2PK),
        (f"21{'04' + '00' * 32}ac", ScriptKind.NONSTANDARD),  # a long key's byte on a short key
        (f"41{'02' + '00' * 64}ac", ScriptKind.NONSTANDARD),
        (f"4c21{KEY.hex()}ac", ScriptKind.NONSTANDARD),
        ("76a914" + "00" * 20 + "88ac", ScriptKind.P2PKH),
        ("76a914" + "00" * 20 + "88ad", ScriptKind.NONSTANDARD),
        ("76a914" + "00" * 21 + "88ac", ScriptKind.NONSTANDARD),
        ("76a94c14" + "00" * 20 + "88ac", ScriptKind.NONSTANDARD),
        ("a914" + "00" * 20 + "87", ScriptKind.P2SH),
        ("a94c14" + "00" * 20 + "87", ScriptKind.NONSTANDARD),
        ("a914" + "00" * 20 + "88", ScriptKind.NONSTANDARD),
        ("0014" + "00" * 20, ScriptKind.P2WPKH),
        ("0020" + "00" * 32, ScriptKind.P2WSH),
        ("0010" + "00" * 16, ScriptKind.NONSTANDARD),
        ("5120" + "00" * 32, ScriptKind.P2TR),
        ("51024e73", ScriptKind.P2A),
        ("51024e74", ScriptKind.WITNESS_UNKNOWN),
        ("52020000", ScriptKind.WITNESS_UNKNOWN),
        ("5220" + "00" * 32, ScriptKind.WITNESS_UNKNOWN),
        ("6028" + "00" * 40, ScriptKind.WITNESS_UNKNOWN),
        ("6029" + "00" * 41, ScriptKind.NONSTANDARD),
        ("600100", ScriptKind.NONSTANDARD),
        ("6120" + "00" * 32, ScriptKind.NONSTANDARD),  # OP_NOP is no version
        ("6a", ScriptKind.OP_RETURN),
        ("6a04deadbeef", ScriptKind.OP_RETURN),
        ("6a5151604f0050", ScriptKind.OP_RETURN),  # OP_RESERVED counts as a push, in Core too
        ("6a04deadbe", ScriptKind.NONSTANDARD),
        ("6a61", ScriptKind.NONSTANDARD),
        ("", ScriptKind.NONSTANDARD),
        ("51", ScriptKind.NONSTANDARD),
    ],
)
def test_kinds_are_exact_templates(script: str, kind: ScriptKind) -> None:
    assert classify(bytes.fromhex(script)) is kind


@pytest.mark.parametrize("height", [227836, 478558, 757753, 758300])
def test_another_library_sees_the_same_kinds_in_real_blocks(height: int) -> None:
    for transaction in parse_block(block_bytes(height), "b").transactions:
        for output in transaction.outputs:
            assert_btclib_agrees(output.script)


@given(st.binary(max_size=45))
def test_another_library_sees_the_same_kind_of_any_bytes(script: bytes) -> None:
    assert_btclib_agrees(script)


def assert_btclib_agrees(script: bytes) -> None:
    theirs, _ = type_and_payload(script)
    kind = classify(script)
    if theirs in BTCLIB_KINDS:
        assert kind is BTCLIB_KINDS[theirs]
    elif theirs == "p2ms":
        assert kind is ScriptKind.MULTISIG
    else:
        assert kind not in BTCLIB_KINDS.values()


def test_the_dmm_script_is_a_2_of_3() -> None:
    script = multisig_script(2, KEYS)
    assert multisig_of(script) == Multisig(threshold=2, public_keys=KEYS)
    assert classify(script) is ScriptKind.MULTISIG
    # the output that held the coins: 3P8MfdM4pULv7ozdQvfwAqNF29zAjmnUYD
    assert p2sh_of(p2wsh_of(script)).hex() == "a914eb25855f1c231b6899e15e5e8aabf5a62f6c4d6387"


@pytest.mark.parametrize(
    ("threshold", "total"), [(1, 1), (1, 3), (3, 3), (15, 15), (16, 16), (17, 17), (20, 20)]
)
def test_multisig_takes_up_to_20_keys(threshold: int, total: int) -> None:
    script = multisig_script(threshold, (KEY,) * total)
    assert multisig_of(script) == Multisig(threshold=threshold, public_keys=(KEY,) * total)


@pytest.mark.parametrize(
    "script",
    [
        multisig_script(0, KEYS),
        multisig_script(4, KEYS),
        multisig_script(2, KEYS, total=4),
        multisig_script(2, KEYS, total=2),
        multisig_script(1, (KEY,) * 21),
        multisig_script(1, (KEY, bytes(33))),
        multisig_script(1, (KEY, KEY[:-1])),
        multisig_script(2, KEYS)[:-1],
        multisig_script(2, KEYS) + b"\x61",
        b"\x51" + (b"\x21" + KEY) * 2 + b"\x01\x01" + b"\x52\xae",  # a third thing, not counted
        b"\x01\x02" + multisig_script(2, KEYS)[1:],  # 2 is not spelled as a push
        b"\x52\x21" + KEY + b"\x51\xae",
        bytes((OP_CHECKMULTISIG,)) * 40,
        b"\x51" + b"\x51" * 40 + b"\x51\xae",
        b"\x00\xae",
    ],
    ids=bytes.hex,
)
def test_what_is_not_quite_multisig_is_not(script: bytes) -> None:
    assert multisig_of(script) is None
    assert classify(script) is ScriptKind.NONSTANDARD


def test_a_key_pushed_the_long_way_is_still_a_key() -> None:
    # as Bitcoin Core's Solver has it; the bytes are the consensus bytes, so they are spendable
    script = b"\x51\x4c\x21" + KEY + b"\x51\xae"
    assert multisig_of(script) == Multisig(threshold=1, public_keys=(KEY,))


@given(st.integers(1, 16), st.data())
def test_tapscript_multisig_is_read_back(total: int, data: st.DataObject) -> None:
    threshold = data.draw(st.integers(1, total))
    keys = data.draw(st.lists(st.binary(min_size=32, max_size=32), min_size=total, max_size=total))
    checks = [b"\xac"] + [b"\xba"] * (total - 1)
    body = b"".join(b"\x20" + key + check for key, check in zip(keys, checks, strict=True))
    script = body + number(threshold) + b"\x9c"
    assert multi_a_of(script) == Multisig(threshold=threshold, public_keys=tuple(keys))
    assert multi_a_of(body) == (
        Multisig(threshold=1, public_keys=tuple(keys)) if total == 1 else None
    )


@pytest.mark.parametrize(
    "script",
    [
        "",
        "ac",
        "51ac",
        "20" + "00" * 32,
        "20" + "00" * 32 + "ad",
        "21" + "00" * 33 + "ac",
        "1f" + "00" * 31 + "ac",
        "20" + "00" * 32 + "ac" + "20" + "00" * 32 + "ac" + "529c",
        "20" + "00" * 32 + "ac" + "20" + "00" * 32 + "ba" + "539c",
        "20" + "00" * 32 + "ac" + "20" + "00" * 32 + "ba" + "009c",
        "20" + "00" * 32 + "ac" + "20" + "00" * 32 + "ba" + "529d",
        "20" + "00" * 32 + "ac" + "20" + "00" * 32 + "ba" + "529c61",
        "20" + "00" * 32 + "ac" + "5175",
        "20" + "00" * 32 + "ac" + "0063" + "68",
    ],
)
def test_what_is_not_quite_tapscript_multisig_is_not(script: str) -> None:
    assert multi_a_of(bytes.fromhex(script)) is None


@given(st.binary(max_size=200))
def test_operations_cover_a_script_without_gap(script: bytes) -> None:
    offset = 0
    for each in operations(script):
        assert each.offset == offset
        assert each.stop > offset
        assert script[offset] == each.opcode
        if each.pushed is not None:
            assert script[: each.stop].endswith(each.pushed)
        offset = each.stop
    assert (parse_operations(script) is not None) == (offset == len(script))


@pytest.mark.parametrize(
    ("script", "stack"),
    [
        ("", ()),
        ("00", (b"",)),
        ("4f5160", (b"\x81", b"\x01", b"\x10")),
        ("02abcd", (b"\xab\xcd",)),
        ("4c02abcd", (b"\xab\xcd",)),
        ("4d0200abcd", (b"\xab\xcd",)),
        ("4e02000000abcd", (b"\xab\xcd",)),
        ("4c00", (b"",)),
        ("02ab", None),
        ("4c", None),
        ("4d02", None),
        ("4effffffff", None),
        ("61", None),
        ("50", None),
    ],
)
def test_pushes_are_read_as_the_stack_they_leave(
    script: str, stack: tuple[bytes, ...] | None
) -> None:
    assert pushed_stack(bytes.fromhex(script)) == stack


def test_wrapping_a_script_gives_its_published_output() -> None:
    for case in json_of("bips/bip-0143.json")["cases"]:
        if case["comment"] == "P2SH-P2WSH":
            witness_script = bytes.fromhex(case["digests"][0]["script_code"])
            assert p2sh_of(p2wsh_of(witness_script)).hex() == case["spent"][0]["script"]
            return
    pytest.fail("the vector is gone")


def test_small_questions_about_scripts() -> None:
    assert p2pk_key(bytes((33,)) + KEY + b"\xac") == KEY
    assert p2pk_key(p2pkh_of(hash160(KEY))) is None
    assert witness_program(p2wsh_of(b"")) == (0, p2wsh_of(b"")[2:])
    assert witness_program(bytes.fromhex("6002751e")) == (16, bytes.fromhex("751e"))
    assert witness_program(b"\x00\x01\x00") is None
