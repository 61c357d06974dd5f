"""The packs that come with Sekisho, each a folder with the pack and its table of cases."""

from functools import cache
from importlib import resources

from sekisho.kernel.errors import BadInputError

CASES = "cases.toml"
_PACKS = ("hk-sfc", "jp-psa", "strict")


def shipped_packs() -> tuple[str, ...]:
    """Return the ids of the packs that come with Sekisho."""
    return _PACKS


@cache
def shipped_pack(policy_id: str) -> tuple[bytes, bytes]:
    """Return the TOML of a shipped pack and of its cases; raises `BadInputError` for another."""
    if policy_id not in _PACKS:
        raise BadInputError(
            "policy", f"{policy_id[:80]!r} is not one of {', '.join(_PACKS)}, nor a file"
        )
    folder = resources.files("sekisho.passes.policy") / "packs" / policy_id
    return (folder / f"{policy_id}.toml").read_bytes(), (folder / CASES).read_bytes()
