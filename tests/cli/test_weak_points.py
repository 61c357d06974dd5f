"""What is weak about a passkey stands beside what its owner said, wherever a pass is shown."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from console_world import Console, asked_world, console_in, console_roster, passkey_of
from world import approve
from world_policy import OPEN_POLICY

from sekisho.cli.review import put_review
from sekisho.cli.standing import put_standing
from sekisho.passes.assertion import BACKED_UP, ELIGIBLE
from sekisho.passes.policy.records import Passkeys
from sekisho.passes.records import Credential, Pass, Person

pytestmark = pytest.mark.enable_socket  # an event loop is made of a pair of sockets

COPIED = "! baba: the private key of their passkey has copies outside the device"
LEAVES = "! baba: the private key of their passkey can leave the device"
UNVOUCHED = "! baba: no maker vouches for their device"


def unvouched(person: Person) -> Person:
    def changed(credential: Credential) -> Credential:
        return replace(credential, attested=False)

    return replace(person, credentials=tuple(map(changed, person.credentials)))


@pytest.fixture
def weak(tmp_path: Path) -> Iterator[tuple[Console, Pass]]:
    """A console where no maker vouches for any passkey, and the policy does not mind."""
    people = console_roster()
    people = replace(people, people=tuple(unvouched(each) for each in people.people))
    lax = Passkeys(attested_required=False, device_bound_required=False)
    world, asked = asked_world(policy=replace(OPEN_POLICY, passkeys=lax), people=people)
    console = console_in(tmp_path, world)
    yield console, asked
    console.journal.close()


def shown(console: Console, asked: Pass, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what `pass show` writes, having seen that `pass review` writes the same of it."""
    standing = console.standing(asked)
    capsys.readouterr()
    put_standing(standing, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    with console.office.at_desk() as desk:
        put_review(desk.register, standing)
    marked = [each.strip() for each in lines if "! baba" in each]
    reviewed = capsys.readouterr().out.splitlines()
    assert [each.strip() for each in reviewed if "! baba" in each] == marked
    return lines


@pytest.mark.parametrize(
    ("flags", "points"),
    [
        (0, [UNVOUCHED]),
        (ELIGIBLE, [LEAVES, UNVOUCHED]),
        (ELIGIBLE | BACKED_UP, [COPIED, LEAVES, UNVOUCHED]),
    ],
)
def test_each_weak_point_of_a_passkey_is_below_its_statement(
    weak: tuple[Console, Pass],
    capsys: pytest.CaptureFixture[str],
    flags: int,
    points: list[str],
) -> None:
    console, asked = weak
    device = passkey_of("baba")
    device.flags |= flags
    browser = console.browser()
    assert browser.login("baba", device).status_code == 200
    assert browser.state(asked).status_code == 200
    lines = shown(console, asked, capsys)
    [said] = [at for at, line in enumerate(lines) if line.startswith("  approve    baba at")]
    below = lines[said + 1 : said + 1 + len(points)]
    assert [each.strip() for each in below] == points
    assert sum("! baba" in each for each in lines) == len(points)


def test_nothing_is_said_of_a_good_passkey_and_of_a_key_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world, asked = asked_world()
    console = console_in(tmp_path, approve(world, asked, by=["chiba"]))
    browser = console.browser()
    assert browser.login("baba").status_code == 200
    assert browser.state(asked).status_code == 200
    lines = shown(console, asked, capsys)
    said = [line for line in lines if line.startswith("  approve")]
    assert ["baba" in line for line in said] == [False, True]
    assert not any("!" in line for line in lines)
    console.journal.close()
