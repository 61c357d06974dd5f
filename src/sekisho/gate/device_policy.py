"""What a Coldcard in HSM mode signs unattended: does it all depend on this gate's attestations?

The device signs what any one rule of its policy allows, so one rule without attestations, or one
setting that lets something else be signed, is a way around the gate. Read from the firmware
(github Coldcard/firmware at 8eb0e008, shared/hsm.py); none of its code is used.
"""

import json
import re
from dataclasses import dataclass, field
from hashlib import sha256

from sekisho.kernel.canonical import Json, parse_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.money import SUPPLY_MAX_SAT, Sat

PERIOD_MAX_MINUTES = 3 * 24 * 60
POLICY_MAX_BYTES = 64 * 1024
_ATTEST, _BASIC = "ATTEST", "BASIC"
_EXIT_CODE_CHARACTERS = 6
"""Within a minute of its start, a device leaves HSM mode for a `boot_to_hsm` that can be typed:
it takes six digits, no more and no fewer."""
_NAME_CHARACTERS_MAX, _NOTES_CHARACTERS_MAX = 20, 80
_PATH = re.compile(r"any|p2sh|m(/[0-9]{1,10}h?)*(/\*h?)?", re.ASCII)
_HWI_PATH = "m/0h"
"""HWI asks for this extended key before it has anything signed; no coins are under it."""
_SWITCHES = ("must_log", "never_log", "warnings_ok", "priv_over_ux")
_ABSENT: dict[str, Json] = {
    **dict.fromkeys(_SWITCHES, False),
    **{name: [] for name in ("msg_paths", "share_xpubs", "share_addrs", "rules")},
    **dict.fromkeys(("notes", "set_sl", "boot_to_hsm"), ""),
    **dict.fromkeys(("period", "allow_sl"), 0),
}
_ABSENT_IN_RULE: dict[str, Json] = {
    **dict.fromkeys(("per_period", "max_amount", "min_users"), 0),
    **{name: [] for name in ("users", "whitelist")},
    "local_conf": False,
    "wallet": "",
    "whitelist_opts": {},
}
_ABSENT_IN_OPTIONS: dict[str, Json] = {"mode": _BASIC, "allow_zeroval_outs": False}
_KEPT = ("must_log", "never_log", "msg_paths", "share_xpubs", "share_addrs", "notes", "period",
         "allow_sl", "warnings_ok", "boot_to_hsm", "priv_over_ux")  # fmt: skip
_KEPT_OF_RULES = ("per_period", "max_amount", "users", "min_users", "local_conf", "whitelist",
                  "wallet")  # fmt: skip
"""In the order in which the device writes them down, which its hash depends on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What may leave through a device, by the device's own count."""

    amount_max_sat: Sat
    """In one transaction: all that is not change; not the fee."""
    period_max_sat: Sat
    """In a period. The device counts from the first transaction on, in its own time."""
    period_minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRule:
    """One rule of a policy. What is absent is empty, 0 or false; 0 is no cap."""

    caps: Caps
    whitelist: tuple[str, ...]
    mode: str
    allow_zeroval_outs: bool
    wallet: str
    """The name of the multi-signature wallet on the device, or "1" for single keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePolicy:
    """The policy with which an operator puts a Coldcard into HSM mode."""

    rules: tuple[DeviceRule, ...]
    must_log: bool
    warnings_ok: bool
    signs_messages: bool
    storage_locker: bool
    """Whether it keeps or shows a secret of the host's."""
    boot_to_hsm: str = field(repr=False)
    device_hash: str
    """The policy hash that the device shows before it starts, and to whoever asks it later."""

    @property
    def caps(self) -> Caps:
        """Return the caps of the one rule; only for a policy without findings."""
        (rule,) = self.rules
        return rule.caps


def read_device_policy(data: bytes, where: str) -> DevicePolicy:
    """Return the policy in a file that is loaded on a device.

    Raises `BadInputError` for whatever this gate cannot judge: an unknown setting means no.
    """
    document, fields = _with(_ABSENT, parse_json(data, where), where)
    switches = {name: fields.boolean(name) for name in _SWITCHES}
    minutes = fields.integer("period", at_least=0, at_most=PERIOD_MAX_MINUTES)
    paths = {name: _paths(fields, name) for name in ("msg_paths", "share_xpubs", "share_addrs")}
    notes = fields.text("notes", empty=True)
    if len(notes) > _NOTES_CHARACTERS_MAX or not notes.isascii():
        raise fields.fail("notes", f"is not ASCII, or longer than {_NOTES_CHARACTERS_MAX}")
    stored = fields.text("set_sl", empty=True)
    reads = fields.integer("allow_sl", at_least=0, at_most=100)
    boot_to_hsm = fields.text("boot_to_hsm", empty=True)
    listed = fields.document("rules")
    fields.done()
    if not isinstance(listed, list):
        raise fields.fail("rules", "is not a list")
    read = [
        _rule(each, fields.where(f"rules[{index}]"), minutes) for index, each in enumerate(listed)
    ]
    kept = {**_kept(_KEPT, document), "rules": [each for _, each in read]}
    return DevicePolicy(
        rules=tuple(rule for rule, _ in read),
        must_log=switches["must_log"] and not switches["never_log"],
        warnings_ok=switches["warnings_ok"],
        signs_messages=bool(paths["msg_paths"]),
        storage_locker=bool(stored or reads),
        boot_to_hsm=boot_to_hsm,
        # As the device spells it, which is how Python's own writer does.
        device_hash=sha256(json.dumps(kept).encode()).hexdigest(),
    )


def device_policy_findings(policy: DevicePolicy, *, address: str) -> list[Finding]:
    """Return every way in which a device under the policy signs without attestations of `address`.

    Also what has no cap, because an attested output can be paid again.
    """
    settings: list[tuple[str, bool, str]] = [
        ("must_log", policy.must_log, "true, and never_log false"),
        ("warnings_ok", not policy.warnings_ok, "false"),
        ("msg_paths", not policy.signs_messages, "empty"),
        ("set_sl, allow_sl", not policy.storage_locker, "absent"),
        ("boot_to_hsm", len(policy.boot_to_hsm) != _EXIT_CODE_CHARACTERS, "shorter, or absent"),
        # Each rule counts for itself: two of them allow twice as much.
        ("rules", len(policy.rules) == 1, "one rule"),
    ]
    findings = [_open("policy", name, needed) for name, fine, needed in settings if not fine]
    for number, rule in enumerate(policy.rules, start=1):
        needs: list[tuple[str, bool, str]] = [
            ("whitelist_opts.mode", rule.mode == _ATTEST, _ATTEST),
            ("whitelist_opts.allow_zeroval_outs", not rule.allow_zeroval_outs, "false"),
            ("whitelist", rule.whitelist == (address,), address),
            ("wallet", rule.wallet != "", "a wallet of the device, or 1 for single keys"),
            # The device forgets a cap of 0 when it is started again.
            ("max_amount", rule.caps.amount_max_sat > 0, "a cap above 0"),
            ("per_period", rule.caps.period_max_sat > 0, "a cap above 0"),
            ("period", rule.caps.period_minutes > 0, "some minutes"),
        ]
        findings.extend(
            _open(f"rule {number}", name, needed) for name, fine, needed in needs if not fine
        )
    return findings


def device_policy_bytes(*, address: str, device_wallet: str, caps: Caps, notes: str) -> bytes:
    """Return the file that makes a device sign only what `address` attests, within `caps`."""
    document: Json = {
        "notes": notes,
        "must_log": True,
        "warnings_ok": False,
        "share_xpubs": [_HWI_PATH],
        "period": caps.period_minutes,
        "rules": [
            {
                "wallet": device_wallet,
                "whitelist": [address],
                "whitelist_opts": {"mode": _ATTEST, "allow_zeroval_outs": False},
                "max_amount": int(caps.amount_max_sat),
                "per_period": int(caps.period_max_sat),
            }
        ],
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _rule(document: Json, where: str, minutes: int) -> tuple[DeviceRule, dict[str, Json]]:
    """Return a rule, and what a device keeps of it."""
    document, fields = _with(_ABSENT_IN_RULE, document, where)
    users = fields.texts("users", empty=True)
    needed = fields.integer("min_users", at_least=0, at_most=len(users))
    fields.boolean("local_conf")
    where = fields.where("whitelist_opts")
    given = fields.document("whitelist_opts")
    chosen, options = _with(_ABSENT_IN_OPTIONS, given, where)
    rule = DeviceRule(
        caps=Caps(
            amount_max_sat=_cap(fields, "max_amount"),
            period_max_sat=_cap(fields, "per_period"),
            period_minutes=minutes,
        ),
        whitelist=fields.texts("whitelist", empty=True),
        mode=options.choice("mode", (_ATTEST, _BASIC)),
        allow_zeroval_outs=options.boolean("allow_zeroval_outs"),
        wallet=fields.text("wallet", empty=True),
    )
    if len(rule.wallet) > _NAME_CHARACTERS_MAX or not rule.wallet.isascii():
        raise fields.fail("wallet", f"is not ASCII, or longer than {_NAME_CHARACTERS_MAX}")
    options.done()
    fields.done()
    kept = _kept(_KEPT_OF_RULES, {**document, "min_users": needed or len(users)})
    if given:
        kept["whitelist_opts"] = _kept(tuple(_ABSENT_IN_OPTIONS), chosen)
    return rule, kept


def _cap(fields: Fields, name: str) -> Sat:
    return Sat(fields.integer(name, at_least=0, at_most=SUPPLY_MAX_SAT))


def _paths(fields: Fields, name: str) -> tuple[str, ...]:
    """Return a list of paths; raises `BadInputError` for one that a device would spell anew."""
    paths = fields.texts(name, empty=True)
    if not all(_PATH.fullmatch(each) for each in paths):
        raise fields.fail(name, "holds what is no path such as m/84h/0h/0h/*")
    return paths


def _with(absent: dict[str, Json], document: Json, where: str) -> tuple[dict[str, Json], Fields]:
    """Return an object with what is absent filled in, and the same to be read."""
    if not isinstance(document, dict):
        raise BadInputError(where, "is not an object")
    whole = {**absent, **document}
    return whole, Fields(whole, where)


def _kept(names: tuple[str, ...], document: dict[str, Json]) -> dict[str, Json]:
    """Return what a device keeps of an object: nothing that is empty, 0 or false."""
    return {name: document[name] for name in names if document[name]}


def _open(subject: str, setting: str, needed: str) -> Finding:
    return finding("gate.device_policy_open", subject, setting=setting, needed=needed)
