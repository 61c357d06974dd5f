"""Files of blocks as nodes and people leave them: every block is read, every defect is named."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from bitcoin_vectors import block_bytes, dmm_outflow
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sekisho.chains.bitcoin.blocks import BLOCK_SIZE_MAX
from sekisho.chains.bitcoin.networks import Network
from sekisho.edges import block_files
from sekisho.edges.block_files import DEFECTS_MAX, BlockFiles
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.watch.raw_block import RawBlock

MAGIC = Network.MAIN.magic
KEY = bytes.fromhex("5b1d00c3e9f40a77")
BLOCKS = [block_bytes(height) for height in (0, 542213, 482683)]
OUTFLOW = dmm_outflow().serialize()


def record(raw: bytes, *, size: int | None = None) -> bytes:
    return MAGIC + (len(raw) if size is None else size).to_bytes(4, "little") + raw


def xored(data: bytes, key: bytes = KEY) -> bytes:
    return bytes(byte ^ key[place % len(key)] for place, byte in enumerate(data))


def everything(_position: int) -> bool:
    return True


def files_of(*paths: Path, xor_key: bytes | None = None) -> BlockFiles:
    return BlockFiles(paths, network=Network.MAIN, xor_key=xor_key)


def read(*paths: Path, xor_key: bytes | None = None) -> list[RawBlock]:
    return list(files_of(*paths, xor_key=xor_key).read(everything))


def saved(folder: Path, data: bytes, name: str = "blk00000.dat") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# What is read ------------------------------------------------------------------------------------


def test_a_block_file_as_core_leaves_it(tmp_path: Path) -> None:
    path = saved(tmp_path, b"".join(map(record, BLOCKS)) + bytes(100_000))
    files = files_of(path)
    raws = list(files.read(everything))
    assert [each.data for each in raws] == BLOCKS
    assert [each.position for each in raws] == [0, 1, 2]
    assert [each.loose for each in raws] == [False] * 3
    assert [each.where for each in raws] == [
        f"{path} at byte 8",
        f"{path} at byte {8 + 285 + 8}",
        f"{path} at byte {8 + 285 + 8 + 2355 + 8}",
    ]
    assert files.findings == []


def test_an_obfuscated_block_file_beside_its_key(tmp_path: Path) -> None:
    saved(tmp_path, KEY, "xor.dat")
    files = files_of(saved(tmp_path, xored(b"".join(map(record, BLOCKS)) + bytes(100_001))))
    assert [each.data for each in files.read(everything)] == BLOCKS
    assert files.findings == []


def test_an_obfuscated_file_whose_reserved_space_is_plain_zeros(tmp_path: Path) -> None:
    """Core reserves space without XORing it."""
    saved(tmp_path, KEY, "xor.dat")
    files = files_of(saved(tmp_path, xored(b"".join(map(record, BLOCKS))) + bytes(3_000_000)))
    assert [each.data for each in files.read(everything)] == BLOCKS
    assert files.findings == []


def test_a_plain_file_beside_a_key_and_an_obfuscated_one_apart_from_it(tmp_path: Path) -> None:
    plain = b"".join(map(record, BLOCKS))
    apart = saved(tmp_path, xored(plain), "copied.dat")
    assert [each.data for each in read(apart, xor_key=KEY)] == BLOCKS
    saved(tmp_path, KEY, "xor.dat")
    assert [each.data for each in read(saved(tmp_path, plain))] == BLOCKS
    saved(tmp_path, bytes(8), "xor.dat")
    assert [each.data for each in read(saved(tmp_path, plain))] == BLOCKS


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(("raw", "loose"), [(BLOCKS[2], False), (OUTFLOW, True)])
def test_one_block_or_one_transaction(
    tmp_path: Path, *, raw: bytes, loose: bool, wrapped: bool
) -> None:
    lines = raw.hex() + "\n"
    if wrapped:
        lines = "\r\n".join(raw.hex().upper()[at : at + 61] for at in range(0, 2 * len(raw), 61))
    for data in (raw, lines.encode()):
        path = saved(tmp_path, data, "given.hex")
        assert read(path) == [RawBlock(data=raw, where=str(path), position=0, loose=loose)]


def test_folders_files_and_their_order(tmp_path: Path) -> None:
    for number in (2, 0, 1):
        saved(tmp_path, record(BLOCKS[number]), f"blk0000{number}.dat")
    saved(tmp_path, b"undo data", "rev00000.dat")
    saved(tmp_path, bytes(20_000), "blk00003.dat")  # reserved, not yet written to
    alone = saved(tmp_path, OUTFLOW, "outflow.bin")
    raws = read(alone, tmp_path)
    assert [each.data for each in raws] == [OUTFLOW, *BLOCKS]
    assert [each.position for each in raws] == [0, 1, 2, 3]


def test_unwanted_blocks_are_passed_over_without_losing_count(tmp_path: Path) -> None:
    files = files_of(
        saved(tmp_path, b"".join(map(record, BLOCKS)), "a.dat"),
        saved(tmp_path, b"".join(map(record, BLOCKS)), "b.dat"),
    )
    every = list(files.read(everything))
    assert list(files.read({1, 4, 5, 9}.__contains__)) == [every[1], every[4], every[5]]


def test_progress_rises_to_the_end_at_each_reading(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = saved(tmp_path, b"".join(map(record, BLOCKS * 700)))
    files = BlockFiles(
        [path, path], network=Network.MAIN, progress=lambda done, total: told.append((done, total))
    )
    for _ in range(2):
        told.clear()
        for _ in files.read(everything):
            pass
        done = [each for each, _ in told]
        assert {total for _, total in told} == {files.size} == {2 * path.stat().st_size}
        assert done == sorted(done)
        assert done[-1] == files.size
        assert len(done) > 2


# What is not a block -----------------------------------------------------------------------------


def found_in(files: BlockFiles) -> list[tuple[str, int, int]]:
    return [
        (each.code, int(dict(each.facts)["offset"]), int(dict(each.facts)["size_bytes"]))
        for each in files.findings
    ]


@pytest.mark.parametrize("key", [b"", KEY])
@pytest.mark.parametrize(
    ("defect", "code"),
    [
        (b"junk that a crash left behind", "edges.block_file_junk"),
        (MAGIC, "edges.block_record_size"),
        (record(b"", size=BLOCK_SIZE_MAX + 1), "edges.block_record_size"),
        (record(b"", size=2**32 - 1), "edges.block_record_size"),
        (record(b"", size=0), "edges.block_record_size"),
        (record(bytes(140)), "edges.block_record_size"),
        (record(b"", size=3_999_999), "edges.block_record_cut"),
        (record(BLOCKS[2][:-1], size=len(BLOCKS[2])), "edges.block_record_torn"),
        (record(BLOCKS[2][:100], size=len(BLOCKS[2])), "edges.block_record_torn"),
    ],
)
def test_a_defect_is_named_with_its_place_and_hides_no_other_block(
    tmp_path: Path, key: bytes, defect: bytes, code: str
) -> None:
    if key:
        saved(tmp_path, key, "xor.dat")
    before, after = record(BLOCKS[0]), record(BLOCKS[1]) + record(BLOCKS[2]) * 2
    content = before + defect + after
    files = files_of(saved(tmp_path, xored(content, key) if key else content))
    got = [each.data for each in files.read(everything)]
    assert got == [*BLOCKS, BLOCKS[2]]
    assert found_in(files) == [(code, len(before), len(defect))]
    list(files.read(everything))
    assert len(files.findings) == 1, "the same defect is named once, however often it is read"


def test_a_truncated_last_block_is_named_after_all_before_it(tmp_path: Path) -> None:
    whole = b"".join(map(record, BLOCKS))
    start = len(whole) - len(record(BLOCKS[2]))
    for size in (start + 1, start + 7, start + 8, start + 200, len(whole) - 1):
        files = files_of(saved(tmp_path, whole[:size]))
        assert [each.data for each in files.read(everything)] == BLOCKS[:2]
        code = "edges.block_record_cut" if size >= start + 8 else "edges.block_file_junk"
        assert found_in(files) == [(code, start, size - start)]
        assert str(tmp_path / "blk00000.dat") in str(files.findings[0])


def test_a_block_that_begins_where_the_search_takes_its_next_piece(tmp_path: Path) -> None:
    for short in range(-2, 12):
        junk = b"\xee" * (block_files._CHUNK_SIZE - short)
        files = files_of(saved(tmp_path, record(BLOCKS[0]) + junk + record(BLOCKS[1])))
        assert [each.data for each in files.read(everything)] == BLOCKS[:2]
        assert found_in(files) == [("edges.block_file_junk", 293, len(junk))]


pieces = st.lists(
    st.one_of(
        st.tuples(st.just("block"), st.sampled_from(BLOCKS)),
        st.tuples(st.just("zeros"), st.integers(1, 50).map(bytes)),
        st.tuples(st.just("junk"), st.binary(max_size=50).map(lambda junk: b"\xee" + junk)),
        st.tuples(st.just("lie"), st.just(b"")),
    ),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=pieces,
    key=st.binary(min_size=8, max_size=8) | st.just(b""),
    lie=st.sampled_from([0, 140, 4_000_001, 2**32 - 1]),
)
def test_any_file_gives_its_blocks_and_names_the_rest(
    tmp_path: Path, pieces: list[tuple[str, bytes]], key: bytes, lie: int
) -> None:
    pieces = [("block", BLOCKS[0]), *pieces]
    content = b""
    for kind, piece in pieces:
        content += {"block": record(piece), "lie": record(b"", size=lie)}.get(kind, piece)
    (tmp_path / "xor.dat").unlink(missing_ok=True)
    if key:
        saved(tmp_path, key, "xor.dat")
        content = xored(content, key)
    files = files_of(saved(tmp_path, content))
    blocks = [piece for kind, piece in pieces if kind == "block"]
    assert [each.data for each in files.read(everything)] == blocks
    between = "".join(kind[0] for kind, _ in pieces).split("b")
    assert len(files.findings) == sum("j" in gap or "l" in gap for gap in between)


def test_a_file_of_defects_ends_the_reading(tmp_path: Path) -> None:
    path = saved(tmp_path, (record(BLOCKS[0]) + b"\xee") * (DEFECTS_MAX + 1))
    with pytest.raises(BadInputError, match="defects"):
        read(path)


def test_lengths_that_lie_are_not_allocated(tmp_path: Path) -> None:
    path = saved(tmp_path, record(BLOCKS[0]) + record(b"", size=2**31) * 100_000)
    with path.open("ab") as file:
        file.truncate(40_000_000)  # room enough that a length could be true
    tracemalloc.start()
    try:
        assert [each.data for each in read(path)] == [BLOCKS[0]]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000


# What is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("blk00000.dat", b"", "is empty"),
        ("blk00000.dat", xored(record(BLOCKS[0])), r"is its xor.dat missing\?"),
        ("blk00000.dat", Network.TESTNET4.magic + record(BLOCKS[0])[4:], "of testnet4, not of"),
        ("note.txt", b"hello", "read as a transaction: byte"),
        ("odd.hex", b"0100000", "begins with no block record"),
        ("cut.hex", OUTFLOW.hex().encode()[:-2], "read as a block"),
        ("twice.hex", (OUTFLOW + OUTFLOW).hex().encode(), "bytes follow the end"),
        ("changed.bin", BLOCKS[2].replace(BLOCKS[2][-40:-36], bytes(4)), "merkle root"),
        ("large.bin", b"\x01" * 9_000_000, "begins with no block record"),
    ],
)
def test_a_file_of_no_known_kind(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    with pytest.raises(BadInputError, match=reason) as refused:
        files_of(saved(tmp_path, data, name))
    assert refused.value.where == str(tmp_path / name)


def test_a_transaction_that_poses_as_a_block_file(tmp_path: Path) -> None:
    """Anyone may choose a transaction's version; read as a block file, this would seem empty."""
    poser = replace(dmm_outflow(), version=int.from_bytes(MAGIC, "little")).serialize()
    with pytest.raises(BadInputError, match="two ways"):
        files_of(saved(tmp_path, poser, "given.bin"))
    (raw,) = read(saved(tmp_path, poser.hex().encode(), "given.hex"))
    assert raw.loose


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    for path, reason in [
        (tmp_path / "absent", "does not exist"),
        (tmp_path, "without blk"),
        (Path("/dev/null"), "not a file"),
    ]:
        with pytest.raises(BadInputError, match=reason):
            files_of(path)


def test_keys_of_another_size(tmp_path: Path) -> None:
    path = saved(tmp_path, record(BLOCKS[0]))
    with pytest.raises(BadInputError, match="8 bytes"):
        files_of(path, xor_key=bytes(7))
    saved(tmp_path, bytes(9), "xor.dat")
    with pytest.raises(BadInputError, match=r"xor\.dat: is not 8 bytes"):
        files_of(path)


def test_a_file_that_shrinks_or_vanishes(tmp_path: Path) -> None:
    path = saved(tmp_path, b"".join(map(record, BLOCKS)))
    files = files_of(path)
    path.write_bytes(record(BLOCKS[0]) + b"x")
    with pytest.raises(WorldError, match="was cut"):
        list(files.read(everything))
    path.unlink()
    with pytest.raises(WorldError, match="blk00000"):
        list(files.read(everything))
