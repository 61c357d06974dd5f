"""The rules of STYLE.md, each a function from a module to the sentences that say what it breaks.

`test_tidy.py` holds every module to them, and each rule to an example that it must catch.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from tree import Module

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50

PURE = {
    "__future__", "abc", "base64", "binascii", "bisect", "collections", "dataclasses", "datetime",
    "decimal", "difflib", "enum", "functools", "graphlib", "hashlib", "heapq", "hmac", "html",
    "itertools", "json", "math", "operator", "re", "sekisho", "string", "struct", "textwrap",
    "types", "typing", "unicodedata",
}  # fmt: skip
"""What neither touches the world nor reads a clock nor rolls dice."""

PURE_BY_PLACE: dict[str, dict[str, str]] = {
    "kernel/": {
        "rfc8785": "canonical JSON, the format of everything that is hashed or signed",
        "tomllib": "the catalogue of findings is TOML",
        "importlib.resources": "the catalogue and the word lists are files of the package",
    },
    "journal/": {"cryptography": "Ed25519 over checkpoints"},
    "chains/": {
        "btclib": "RIPEMD-160, which OpenSSL 3 may lack",
        "btclib_secp256k1": "ECDSA and Schnorr by libsecp256k1",
        "btclib_wallet": "descriptors and miniscript",
    },
    "wallets/": {
        "btclib": "the errors of btclib_wallet",
        "btclib_wallet": "one of two readings of a descriptor",
        "embit": "the other reading of a descriptor",
    },
    "passes/": {"cryptography": "Ed25519 over approvals"},
    "passes/policy/": {
        "importlib.resources": "the packs and their cases are files of the package",
        "tomllib": "a pack is TOML as people write it",
    },
    "passes/assertion": {"webauthn": "the assertions of passkeys, by a library that others use"},
    "passes/attestation": {"fido2": "its CBOR: one spelling, and no tags"},
    "passes/enrolment": {"webauthn": "registrations, with the attestation of each maker"},
    "gate/read_btclib": {
        "btclib": "the errors of btclib_wallet",
        "btclib_wallet": "one of two readings of a PSBT",
    },
    "gate/verify_btclib": {
        "btclib": "it runs the scripts of what a signer returned, and makes the digests",
        "btclib_wallet": "the scripts and keys that a descriptor derives",
    },
    "gate/cosigner": {
        "btclib": "the errors of btclib_wallet, and messages signed by the gate's key",
        "btclib_secp256k1": "the gate's own signatures, by libsecp256k1",
        "btclib_wallet": "the gate's own key, derived",
    },
    "gate/steps": {
        "importlib.resources": "the words of the steps are a file of the package",
        "tomllib": "they are TOML as people write it",
    },
    "gate/attest": {"btclib": "a signed message by libsecp256k1, with a nonce of RFC 6979"},
    "gate/read_embit": {"embit": "the other reading of a PSBT"},
    "watch/beat": {"cryptography": "Ed25519 over heartbeats"},
    "watch/credence": {"cryptography": "the watcher verifies approvals itself"},
    "watch/voices": {"cryptography": "and hears statements itself"},
    "watch/sieve": {"numpy": "the flat arrays of the scan"},
    "watch/sieve_memory": {
        "llvmlite": "two instructions for the scan that numba does not offer",
        "numba": "the scan at the speed of the disk",
    },
    "watch/siphash": {"numpy": "the words of the hash inside that scan"},
    "drills/authenticator": {"fido2": "its CBOR, as authenticators write it"},
    "drills/": {
        "btclib": "the transaction inside that PSBT",
        "btclib_secp256k1": "the thief of the live act signs, under keys of the drill",
        "btclib_wallet": "the PSBT that a drill hands to the gate",
        "cryptography": "the people of a drill sign, with real keys",
        "importlib.resources": "the bytes of an incident are files of the package",
        "jinja2": "the story as a page",
        "tomllib": "what is fact and what is reconstruction is TOML",
    },
}
FOLDS = {
    "passes/register.py": {
        "Register": "follows a journal entry by entry; a copy for each would be quadratic"
    },
}
"""Records that change: what a fold has come to, owned by whoever folds."""
READS_THE_CLOCK = {"now", "utcnow", "today"}
ROLLS_DICE = {"Ed25519PrivateKey.generate", "X25519PrivateKey.generate"}
TOUCHES_THE_WORLD = {"open", "input", "print", "eval", "exec", "compile", "breakpoint"}

MEASURED = {
    "bits": "how improbable a look-alike is; decides nothing by itself",
    "_base58_prefix_bits": "the same",
    "latency_ms": "how long the drill's watcher took; shown, never compared",
}
"""Floats that measure something other than money, by name."""
UNITS = {"Sat": "sat", "Jpy": "jpy", "Wei": "wei", "datetime": "at"}
WHOLE_NAMES = {"sat", "jpy", "wei", "at", "now"}
EMPTY_WORDS = ("manager", "helper", "util", "service", "process", "data")
BASES = {"Enum", "IntEnum", "StrEnum", "Protocol", "NamedTuple", "TypedDict", "Generic"}
RECORD = {"frozen": True, "slots": True, "kw_only": True}
NOT_FOR_WATCH = (
    "sekisho.gate",
    "sekisho.passes.adoption",
    "sekisho.passes.assertion",
    "sekisho.passes.ballots",
    "sekisho.passes.browser",
    "sekisho.passes.children",
    "sekisho.passes.fold",
    "sekisho.passes.judge",
    "sekisho.passes.leave",
    "sekisho.passes.register",
    "sekisho.passes.sign",
    "sekisho.passes.verify",
)
EXEMPTION = re.compile(r"#\s*(?:ruff:\s*)?noqa|#\s*type:\s*ignore|#\s*pragma:|#\s*fmt:\s*off")
REASONED = re.compile(
    r"#\s*(?:ruff:\s*)?noqa: [A-Z0-9, ]+ - \w|#\s*type: ignore\[[a-z, -]+\]\s+# \w"
    r"|#\s*pragma: no (?:cover|branch) - \w"
)

Broken = Iterator[str]


def fits_on_a_screen(module: Module) -> Broken:
    if len(module.text.splitlines()) > MODULE_LINES_MAX:
        yield f"more than {MODULE_LINES_MAX} lines: split the module along a noun"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{node.name}() has {lines} lines"


def names_end_in_their_unit(module: Module) -> Broken:
    for name, annotation in _annotated(module.tree):
        for unit in _alternatives(annotation) & set(UNITS):
            if name not in WHOLE_NAMES and not name.endswith(f"_{UNITS[unit]}"):
                yield f"{name}: {unit} hides its unit; the name ends in _{UNITS[unit]}"


def touches_nothing(module: Module) -> Broken:
    """Pure modules import from a list, each line with a reason, and read no clock."""
    if not module.is_pure:
        return
    allowed = set(PURE)
    for place, reasons in PURE_BY_PLACE.items():
        allowed |= set(reasons) if module.name.startswith(place) else set()
    for name in imports(module.tree):
        if not any(f"{name}.".startswith(f"{each}.") for each in allowed):
            yield f"imports {name}, which is on no list with a reason"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            written = ast.unparse(node)
            if written.rpartition(".")[0] in {"datetime", "datetime.datetime", "date"} and (
                node.attr in READS_THE_CLOCK
            ):
                yield f"{written}: take `now` as an argument"
            if ".".join(written.split(".")[-2:]) in ROLLS_DICE:
                yield f"{written}: take the randomness as an argument"
        if isinstance(node, ast.Name) and node.id in TOUCHES_THE_WORLD:
            yield f"{node.id}() touches the world"


def has_no_floats(module: Module) -> Broken:
    if module.is_pure:
        for name, annotation in _annotated(module.tree, results=True):
            if name.split("()")[0] in MEASURED:
                continue
            if any(isinstance(n, ast.Name) and n.id == "float" for n in ast.walk(annotation)):
                yield f"{name} is a float"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            for side in (node.left, node.right):
                if re.search(r"_(sat|jpy|wei)\b", ast.unparse(side)):
                    yield f"{ast.unparse(node)}: money is divided with // and says its rounding"


def has_no_guard_that_o_removes(module: Module) -> Broken:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assert):
            yield f"line {node.lineno}: assert is gone under python -O; raise RuntimeError"
        if isinstance(node, ast.Name) and node.id == "print" and module.room != "cli":
            yield f"line {node.lineno}: only the command line prints"


MADE_IN = {"Cleared": "gate/clear.py", "AttestedPSBT": "gate/attest.py"}


def clears_only_in_clear(module: Module) -> Broken:
    for node in ast.walk(module.tree):
        made = _called(node).rpartition(".")[2] if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.expr) and MADE_IN.get(made, module.name) != module.name:
            yield f"line {node.lineno}: only {MADE_IN[made]} may make a {made}"


def two_who_check_do_not_share_the_check(module: Module) -> Broken:
    for name in imports(module.tree):
        banned: tuple[str, ...] = ()
        if module.room == "gate":
            banned = ("sekisho.watch",)
        if module.room == "watch":
            banned = NOT_FOR_WATCH
        if any(f"{name}.".startswith(f"{each}.") for each in banned):
            yield f"imports {name}: one bug must not blind both gate and watch"


def says_what_it_imports(module: Module) -> Broken:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"line {node.lineno}: a relative import"
    if module.name.endswith("__init__.py") and module.room != "cli":
        rest = [node for node in module.tree.body[1:] if not isinstance(node, ast.Expr)]
        if rest or ast.get_docstring(module.tree) is None:
            yield "a room's __init__ is one sentence: an import says where a thing comes from"


def has_frozen_records(module: Module) -> Broken:
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            if _called(decorator).rpartition(".")[2] == "dataclass":
                keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
                given = {k.arg: getattr(k.value, "value", None) for k in keywords}
                folds = FOLDS.get(module.name, {})
                changes = node.name.startswith("_") or node.name in folds
                if given != RECORD and module.is_pure and not changes:
                    yield f"{node.name}: a record is frozen, has slots, and names its fields"
        for base in node.bases if module.is_pure else []:
            name = ast.unparse(base).partition("[")[0].rpartition(".")[2]
            if name not in BASES and not name.endswith(("Error", "Exception")):
                yield f"{node.name}({name}): no inheritance but of errors, enums and protocols"


def names_things(module: Module) -> Broken:
    names = [n.name for n in ast.walk(module.tree) if isinstance(n, ast.ClassDef)]
    for name in [module.name.rpartition("/")[2].removesuffix(".py"), *names]:
        words = {word.lower().rstrip("s") for word in re.findall(r"[A-Z]*[a-z]+", name)}
        for word in words & set(EMPTY_WORDS):
            yield f"{name}: {word!r} says nothing"


def returns_findings_in_a_list(module: Module) -> Broken:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef) and node.returns is not None:
            returned = ast.unparse(node.returns)
            if re.search(r"(Iterator|Iterable|Generator)\[Finding\b", returned):
                yield f"{node.name}(): read a generator twice and it is empty, and empty means yes"


def gives_a_reason_for_every_exemption(module: Module) -> Broken:
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        comment = token.string if token.type == tokenize.COMMENT else ""
        if len(EXEMPTION.findall(comment)) > len(REASONED.findall(comment)):
            yield f"line {token.start[0]}: an exemption without its reason beside it"
    called = {id(node.func) for node in ast.walk(module.tree) if isinstance(node, ast.Call)}
    for node in ast.walk(module.tree):
        bare = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        if id(node) not in called and re.search(r"\bmark\.(skip|xfail)$", bare):
            yield f"{bare} without a reason"
        if isinstance(node, ast.Call):
            mark = re.search(r"\b(mark|pytest)\.(skip|xfail|skipif)$", _called(node))
            named = any(keyword.arg == "reason" for keyword in node.keywords)
            if mark and not named and (mark[2] == "skipif" or not node.args):
                yield f"line {node.lineno}: {_called(node)} without a reason"


def imports(tree: ast.Module) -> Iterator[str]:
    """Yield the dotted name of everything imported: `a.b` for `from a import b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


def _called(node: ast.expr) -> str:
    return ast.unparse(node.func if isinstance(node, ast.Call) else node)


def _annotated(tree: ast.Module, *, results: bool = False) -> Iterator[tuple[str, ast.expr]]:
    """Yield names with their annotations: variables, arguments, properties, and `results`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            yield node.arg, node.annotation
        elif isinstance(node, ast.AnnAssign):
            yield ast.unparse(node.target).rpartition(".")[2], node.annotation
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            decorators = {_called(each).rpartition(".")[2] for each in node.decorator_list}
            if results or "property" in decorators or "cached_property" in decorators:
                yield node.name, node.returns


def _alternatives(annotation: ast.expr) -> set[str]:
    """Return the names in `A | B`; what is inside a container is named by the container."""
    if isinstance(annotation, ast.BinOp):
        return _alternatives(annotation.left) | _alternatives(annotation.right)
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return _alternatives(ast.parse(annotation.value, mode="eval").body)
    return {ast.unparse(annotation).rpartition(".")[2]}


RULES = (
    fits_on_a_screen,
    names_end_in_their_unit,
    touches_nothing,
    has_no_floats,
    has_no_guard_that_o_removes,
    clears_only_in_clear,
    two_who_check_do_not_share_the_check,
    says_what_it_imports,
    has_frozen_records,
    names_things,
    returns_findings_in_a_list,
    gives_a_reason_for_every_exemption,
)
