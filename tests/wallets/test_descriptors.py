"""Descriptors: every kind of wallet, one that was robbed, and everything that is no wallet."""

import pytest
from bitcoin_vectors import dmm_outflow
from embit.bip32 import HDKey
from embit.descriptor import Descriptor as EmbitDescriptor
from hypothesis import given
from hypothesis import strategies as st
from world_coins import DESCRIPTORS, bip32_root, fixed_key, key_expression

from sekisho.chains.bitcoin.addresses import address_of
from sekisho.chains.bitcoin.digests import sha256_once
from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.errors import BadInputError
from sekisho.wallets.descriptors import (
    branch_count,
    check_descriptor,
    derive_script,
    inner_scripts,
    is_ranged,
    spend_size,
)

MAIN = Network.MAIN
ALPHA, BETA, GAMMA = (key_expression(name) for name in ("alpha", "beta", "gamma"))
KEY_A, KEY_B = fixed_key("alpha"), fixed_key("beta")
XPRV = bip32_root("alpha").to_base58()
WIF = bip32_root("alpha").derive("m/0").key.wif()

DMM = (
    "sh(wsh(multi(2,022a3ec327cd0b967b53e25439d6ab05a57e55ba82c3cdf03c94b83106711d43ff,"
    "03e8b76584f2a41aadd97e461721875a7ced12ab0ba9266181eae68e95bc03e190,"
    "028228f84daf8d397fcf252af0114c53db7a354c7ffcf293e8a6997cb1b253ac8f)))"
)

BIP_49 = (
    "upub5EFU65HtV5TeiSHmZZm7FUffBGy8UKeqp7vw43jYbvZPpoVsgU93oac7Wk3u6moKegAEWtGNF8De"
    "hrnHtv21XXEMYRUocHqguyjknFHYfgY"
)
BIP_84 = (
    "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868"
    "RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
)
BIP_86 = (
    "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLp"
    "rQ3VCECoY49yfdDEHGCtMMj92pReUsQ"
)
PUBLISHED = [
    (
        Network.TEST,
        "sh(wpkh(%s/<0;1>/*))",
        BIP_49,
        "2Mww8dCYPUpKHofjgcXcBCEGmniw9CoaiD2",
        None,
    ),
    (
        Network.MAIN,
        "wpkh(%s/<0;1>/*)",
        BIP_84,
        "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
        "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el",
    ),
    (
        Network.MAIN,
        "tr(%s/<0;1>/*)",
        BIP_86,
        "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
        "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7",
    ),
]
"""Account key, first receiving and first internal address, as the BIP says."""


def address(
    descriptor: str, branch: int = 0, index: int = 0, network: Network = MAIN
) -> str | None:
    spelled = check_descriptor(descriptor, network, "descriptor")
    return address_of(derive_script(spelled, network, branch, index), network)


def test_the_wallet_that_was_robbed_has_its_real_address() -> None:
    assert address(DMM) == "3P8MfdM4pULv7ozdQvfwAqNF29zAjmnUYD"
    spelled = check_descriptor(DMM, MAIN, "descriptor")
    assert (branch_count(spelled, MAIN), is_ranged(spelled, MAIN)) == (1, False)
    witness_script = dmm_outflow().inputs[0].witness[-1]
    assert witness_script in inner_scripts(spelled, MAIN, 0, 0)


@pytest.mark.parametrize(("network", "template", "key", "receiving", "internal"), PUBLISHED)
def test_published_accounts(
    network: Network, template: str, key: str, receiving: str, internal: str | None
) -> None:
    # A descriptor has xpub or tpub, whatever a wallet displays (BIP-380).
    version = b"\x04\x88\xb2\x1e" if network is MAIN else b"\x04\x35\x87\xcf"
    descriptor = template % HDKey.from_base58(key).to_base58(version)
    assert address(descriptor, network=network) == receiving
    if internal is not None:
        assert address(descriptor, 1, network=network) == internal


@pytest.mark.parametrize("kind", DESCRIPTORS)
def test_every_kind_is_read_back_from_its_one_spelling(kind: str) -> None:
    spelled = check_descriptor(DESCRIPTORS[kind], MAIN, "descriptor")
    assert spelled.partition("#")[0] == DESCRIPTORS[kind]
    assert check_descriptor(spelled, MAIN, "descriptor") == spelled
    assert branch_count(spelled, MAIN) == (2 if "<0;1>" in spelled else 1)
    assert is_ranged(spelled, MAIN) == ("*" in spelled)


@pytest.mark.parametrize("kind", DESCRIPTORS)
def test_scripts_far_beyond_those_compared_are_still_what_another_library_says(kind: str) -> None:
    spelled = check_descriptor(DESCRIPTORS[kind], MAIN, "descriptor")
    other = EmbitDescriptor.from_string(DESCRIPTORS[kind])
    for branch in range(branch_count(spelled, MAIN)):
        which = branch if branch_count(spelled, MAIN) > 1 else None
        for index in (0, 999, 2**31 - 1) if is_ranged(spelled, MAIN) else (0,):
            theirs = other.derive(index, branch_index=which).script_pubkey().data
            assert derive_script(spelled, MAIN, branch, index) == theirs


def test_inner_scripts_are_what_the_script_commits_to() -> None:
    spelled = check_descriptor(DESCRIPTORS["sh_wsh_sortedmulti"], MAIN, "descriptor")
    for branch, index in ((0, 0), (1, 7)):
        inner = inner_scripts(spelled, MAIN, branch, index)
        assert any(b"\x00\x20" + sha256_once(script) in inner for script in inner)
    assert inner_scripts(check_descriptor(f"wpkh({KEY_A})", MAIN, "d"), MAIN, 0, 0) == ()


def test_a_branch_or_index_that_is_not_there_is_refused() -> None:
    spelled = check_descriptor(DESCRIPTORS["wpkh"], MAIN, "descriptor")
    fixed = check_descriptor(DESCRIPTORS["fixed_wpkh"], MAIN, "descriptor")
    for descriptor, branch, index in ((spelled, 2, 0), (spelled, 0, 2**31), (fixed, 0, 1)):
        with pytest.raises(BadInputError, match="descriptor"):
            derive_script(descriptor, MAIN, branch, index)


PRIVATE = [
    f"wpkh({WIF})",
    f"tr({WIF})",
    f"wsh(multi(1,{KEY_B},{WIF}))",
    f"wsh(multi(1,{ALPHA}/<0;1>/*,{XPRV}/<0;1>/*))",
    f"wpkh({XPRV}/<0;1>/*)",
    f"tr({ALPHA}/<0;1>/*,pk({XPRV}/<0;1>/*))",
    f"wsh(and_v(v:pk({ALPHA}/<0;1>/*),pk({XPRV}/<0;1>/*)))",
]


@pytest.mark.parametrize("descriptor", PRIVATE)
def test_a_private_key_is_refused_and_not_repeated(descriptor: str) -> None:
    with pytest.raises(BadInputError, match="private key") as refusal:
        check_descriptor(descriptor, MAIN, "descriptor")
    assert WIF not in str(refusal.value)
    assert XPRV not in str(refusal.value)


def test_a_public_key_that_happens_to_spell_prv_is_not_private() -> None:
    key = bip32_root("name 1790").to_public().to_base58()
    assert "prv" in key
    assert address(f"wpkh({key}/<0;1>/*)") is not None


SPENDABLE_BY_OTHERS = [
    "wsh(older(144))",
    f"wsh(or_i(pk({KEY_A}),older(1)))",
    f"wsh(or_d(pk({ALPHA}/<0;1>/*),older(144)))",
    f"wsh(sha256({'00' * 32}))",
    f"tr({ALPHA}/*,older(144))",
    f"tr({ALPHA}/*,{{pk({BETA}/*),1}})",
]
FEWER_KEYS_THAN_SAID = [
    f"wsh(multi(2,{KEY_A},{KEY_A}))",
    f"wsh(multi(2,{KEY_A},{'02' if KEY_A.startswith('03') else '03'}{KEY_A[2:]}))",
    f"sh(wsh(sortedmulti(2,{ALPHA}/<0;1>/*,{BETA}/<0;1>/*,{ALPHA}/<0;1>/*)))",
    f"sh(sortedmulti(2,{ALPHA}/*,{ALPHA}/<0;1>/*))".replace("/*,", "/0/*,"),
    f"wsh(and_v(v:pk({KEY_A}),pk({KEY_A})))",
    f"tr({ALPHA}/*,multi_a(2,{BETA}/*,{BETA}/*))",
    f"tr({ALPHA}/*,{{pk({ALPHA}/*),sortedmulti_a(2,{BETA}/*,{BETA}/*)}})",
]
NOT_OF_KEYS = [
    "addr(1B6rJ6ZKfZmkqMyBGe5KR27oWkEbQdNM7P)",
    "raw(6a)",
    f"rawtr({ALPHA}/*)",
    f"combo({KEY_A})",
]
NO_WALLET = [
    *NOT_OF_KEYS,
    "",
    "#",
    "wpkh()",
    "wpkh(",
    "sp(x)",
    f"pk({KEY_A})",
    f"wpkh(02{'00' * 32})",
    f"wpkh({ALPHA}/<0;1;2>/*)",
    f"wpkh({ALPHA}/<0;0>/*)",
    f"wpkh({ALPHA}/<0;1>/<0;1>/*)",
    f"wpkh({ALPHA}/0h/*)",
    f"tr({ALPHA}/0h/*)",
    f"wpkh({ALPHA}/0/*h)",
    f"wpkh({ALPHA}/*/0)",
    f"wpkh({ALPHA}/2147483648/*)",
    f"wsh(multi(2,{ALPHA}/<0;1>/*,{BETA}/<0;1;2>/*))",
    f"wsh(multi(0,{KEY_A},{KEY_B}))",
    f"wsh(multi(3,{KEY_A},{KEY_B}))",
    f"wsh(wpkh({KEY_A}))",
    f"sh(sh(pk({KEY_A})))",
    f"wpkh({ALPHA}/<0;1>/*)#",
    f"wpkh({ALPHA}/<0;1>/*)#qqqqqqqq",
    f"wpkh({ALPHA}/<0;1>/*)#a#b",
    f"wpkh({ALPHA}/<0;1>/*) ",
    f" wpkh({ALPHA}/<0;1>/*)",
    f"wpkh({ALPHA}/<0;1>/*)\n",
    f"wpkh({ALPHA}/<0;1>/*)\x00",
    f"wpkh({ALPHA}/<0;1>/＊)",
    "and_v(" * 2000,
    f"tr({ALPHA}/*," + "{" * 2000,
    f"wsh({'j:' * 500}pk({KEY_A}))",
]
UNUSUAL = [
    f"wpkh({KEY_A.upper()})",
    f"wpkh({ALPHA.replace(ALPHA[1:9], ALPHA[1:9].upper())}/<0;1>/*)",
    f"wpkh({ALPHA}/00/*)",
    f"wpkh({ALPHA}/<00;1>/*)",
    f"wsh(c:pk_k({ALPHA}/*))",
    f"wsh(and_v(v:pk({ALPHA}/*),older(0144)))",
]


@pytest.mark.parametrize(
    "descriptor", [*SPENDABLE_BY_OTHERS, *FEWER_KEYS_THAN_SAID, *NO_WALLET, *UNUSUAL]
)
def test_what_is_no_wallet_is_refused(descriptor: str) -> None:
    with pytest.raises(BadInputError) as refusal:
        check_descriptor(descriptor, MAIN, "wallet.descriptor")
    assert refusal.value.where == "wallet.descriptor"


@pytest.mark.parametrize(
    ("descriptors", "says"),
    [
        (NOT_OF_KEYS, "names keys, not an address or a script"),
        (SPENDABLE_BY_OTHERS, "without signature|not sane"),
        (FEWER_KEYS_THAN_SAID, "one key twice|repeat|duplicate"),
        (UNUSUAL, "unusual way"),
    ],
)
def test_the_reason_says_what_is_wrong(descriptors: list[str], says: str) -> None:
    for descriptor in descriptors:
        with pytest.raises(BadInputError, match=says):
            check_descriptor(descriptor, MAIN, "descriptor")


def test_a_library_that_derives_something_else_stops_the_registration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No descriptor is known on which the two differ, so one of them is made to: at index 4."""
    derive = EmbitDescriptor.derive

    def derive_wrongly(self: EmbitDescriptor, index: int, **which: int | None) -> EmbitDescriptor:
        return derive(self, 5 if (index, which) == (4, {"branch_index": 1}) else index, **which)

    monkeypatch.setattr(EmbitDescriptor, "derive", derive_wrongly)
    with pytest.raises(BadInputError, match="derive different scripts on branch 1"):
        check_descriptor(f"wpkh({GAMMA}/<0;1>/*)", MAIN, "descriptor")


def test_leaves_of_one_tree_may_share_a_key() -> None:
    leaves = f"{{multi_a(2,{ALPHA}/*,{BETA}/*),multi_a(2,{ALPHA}/*,{GAMMA}/*)}}"
    assert address(f"tr({GAMMA}/*,{leaves})") is not None


def test_an_apostrophe_is_written_as_h_and_its_own_checksum_is_checked_first() -> None:
    origin, key = ALPHA.split("]")
    quoted = f"wpkh({origin.replace('h', chr(39))}]{key}/<0;1>/*)"
    spelled = check_descriptor(quoted, MAIN, "descriptor")
    assert spelled == check_descriptor(f"wpkh({ALPHA}/<0;1>/*)", MAIN, "descriptor")
    with pytest.raises(BadInputError, match="checksum"):
        check_descriptor(f"{quoted}#{spelled[-8:]}", MAIN, "descriptor")


@pytest.mark.parametrize("network", list(Network))
def test_keys_of_another_network_are_refused(network: Network) -> None:
    test_key = bip32_root("alpha").to_public().to_base58(b"\x04\x35\x87\xcf")
    main, test = f"wpkh({ALPHA}/<0;1>/*)", f"wpkh({test_key}/<0;1>/*)"
    ours, theirs = (main, test) if network is MAIN else (test, main)
    assert check_descriptor(ours, network, "descriptor").startswith(ours)
    with pytest.raises(BadInputError, match=r"not a .* key"):
        check_descriptor(theirs, network, "descriptor")


@given(st.text(max_size=60), st.integers(0, 400), st.integers(0, 400))
def test_a_changed_descriptor_is_refused(text: str, start: int, end: int) -> None:
    whole = check_descriptor(DESCRIPTORS["tr_leaves"], MAIN, "descriptor")
    changed = whole[:start] + text + whole[max(start, end) :]
    if changed not in {whole, whole.partition("#")[0]}:
        with pytest.raises(BadInputError):
            check_descriptor(changed, MAIN, "descriptor")


def test_a_spend_is_never_larger_than_the_size_foretold() -> None:
    size = spend_size(check_descriptor(DMM, MAIN, "d"), MAIN, 0, 0, sequence=0xFFFF_FFFF)
    assert size is not None
    real = [
        (len(each.script_sig), 1 + sum(_sized(len(item)) for item in each.witness))
        for each in dmm_outflow().inputs
    ]
    assert {script_sig for script_sig, _ in real} == {size.script_sig_bytes}
    assert all(size.witness_bytes - 4 <= witness <= size.witness_bytes for _, witness in real)


@pytest.mark.parametrize(
    ("kind", "script_sig_bytes", "witness_bytes"),
    [
        ("pkh", 1 + 72 + 1 + 33, 0),
        ("sh_wpkh", 1 + 22, 1 + 1 + 72 + 1 + 33),
        ("wpkh", 0, 1 + 1 + 72 + 1 + 33),
        ("sh_sortedmulti", 1 + 2 * (1 + 72) + 2 + 105, 0),
        ("sh_wsh_sortedmulti", 1 + 34, 1 + 1 + 2 * (1 + 72) + 1 + 105),
        ("wsh_sortedmulti", 0, 1 + 1 + 2 * (1 + 72) + 1 + 105),
        ("tr", 0, 1 + 1 + 65),
    ],
)
def test_sizes_of_the_usual_kinds(kind: str, script_sig_bytes: int, witness_bytes: int) -> None:
    spelled = check_descriptor(DESCRIPTORS[kind], MAIN, "descriptor")
    size = spend_size(spelled, MAIN, 0, 0, sequence=0xFFFF_FFFD)
    assert size is not None
    assert (size.script_sig_bytes, size.witness_bytes) == (script_sig_bytes, witness_bytes)


def test_nobody_can_say_how_large_an_unknown_preimage_makes_a_spend() -> None:
    hashed = check_descriptor(f"wsh(and_v(v:pk({KEY_A}),sha256({'11' * 32})))", MAIN, "d")
    assert spend_size(hashed, MAIN, 0, 0, sequence=0) is None


def _sized(length: int) -> int:
    return length + (1 if length < 0xFD else 3)
