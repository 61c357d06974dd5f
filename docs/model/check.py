"""Check every claim of the models with spin, each also with the rule that holds it taken away.

    python docs/model/check.py [--write] [MODEL ...]

The head of each `.pml` file lists its claims, one a line:

    holds   NAME [-DFLAG ...]: the property, in plain words; spin must find no way to break it
    breaks  NAME -DFLAG ...: which rule the flag takes away; spin must find a way
    limit   NAME -DFLAG ...: what the design does not protect from; spin must find a way
    happens NAME [-DFLAG ...]: what must be possible, so that the model is not empty

Exits with 1 if one of them comes out otherwise, or was not searched to the end. `--write` puts the
table into README.md. Works with spin 6.5 from PATH, or fetches Debian's package into build/parts.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PART = HERE.parents[1] / "build" / "parts" / "spin"
README = HERE / "README.md"
TABLE = re.compile(r"(?<=<!-- measured -->\n).*?(?=<!-- end -->)", re.DOTALL)
CLAIM = re.compile(r"^(holds|breaks|limit|happens) +(\w+)((?: -D\w+)*): (\S.*)$", re.MULTILINE)
AT_ONCE = 2
MEMORY_MAX_MB = 1800
"""For one run: two at once stay under four gigabytes."""
DEPTH_MAX = 1_000_000
RUN_SECONDS_MAX = 300
FOUND = {"breaks": "broken as expected", "limit": "open, as documented"}
"""What the table says of an error that had to be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One line of a model's head: what spin must find, and what not."""

    model: str
    kind: str
    name: str
    flags: tuple[str, ...]
    words: str

    @property
    def expects_error(self) -> bool:
        """Whether spin must find a run that breaks the formula."""
        return self.kind != "holds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What spin found out about a claim."""

    claim: Claim
    states: int
    seconds: float
    errors: int
    whole: bool
    """The search came to its end, or to an error."""
    said: str

    @property
    def right(self) -> bool:
        """Whether it came out as it must."""
        return self.whole and (self.errors > 0) == self.claim.expects_error

    @property
    def answer(self) -> str:
        """What the table says."""
        if not self.whole:
            return "NOT SEARCHED TO THE END"
        if not self.right:
            return "BROKEN" if self.errors else "NOT BROKEN"
        return FOUND.get(self.claim.kind, self.claim.kind)


def claims(path: Path) -> list[Claim]:
    """Return the claims in the head of a model, in its order."""
    return [
        Claim(model=path.stem, kind=kind, name=name, flags=tuple(flags.split()), words=words)
        for kind, name, flags, words in CLAIM.findall(path.read_text(encoding="utf-8"))
    ]


def find_spin() -> str:
    """Return the path of spin, fetched from this machine's own Debian mirror if need be.

    Exits with what to install where neither works. Needs no root, and changes nothing outside
    `build/parts`.
    """
    if shutil.which("gcc") is None or shutil.which("cpp") is None:
        sys.exit("The models need a C compiler. On Debian: apt-get install gcc libc6-dev spin")
    found = shutil.which("spin")
    if found is not None:
        return found
    unpacked = PART / "root" / "usr" / "bin" / "spin"
    if not unpacked.exists():
        try:
            _fetch()
        except (OSError, StopIteration, subprocess.CalledProcessError) as failure:
            sys.exit(f"No spin here ({failure}). On Debian: apt-get install spin gcc libc6-dev")
    return str(unpacked)


def _fetch() -> None:
    """Unpack Debian's spin under build/parts, with lists of packages of its own."""
    _say("Fetching Debian's package spin into build/parts ...")
    for folder in ("lists/partial", "cache/archives/partial", "root"):
        (PART / folder).mkdir(parents=True, exist_ok=True)
    names = re.findall(r"^VERSION_CODENAME=(\S+)$", _text("/etc/os-release"), re.MULTILINE)
    form = "$(CREATED_BY)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)"
    rows = _output("apt-get", "indextargets", "--format", form).splitlines()
    parts = (row.split("|") for row in rows)
    mirror = next(p[3] for p in parts if p[:3] == ["Packages", *names, "main"])
    sources = PART / "sources.list"
    sources.write_text(f"deb {mirror} {names[0]} main\n", encoding="utf-8")
    settings = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": PART / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": PART / "cache",
        "APT::Sandbox::User": "",
    }
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    _output("apt-get", *options, "--quiet", "update")
    _output("apt-get", *options, "--quiet", "download", "spin", cwd=PART)
    package = next(PART.glob("spin_*.deb"))
    _output("dpkg", "-x", str(package), str(PART / "root"))


def _text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def _output(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(  # noqa: S603 - spin, gcc and apt-get, with arguments of our own
        command, cwd=cwd, check=True, capture_output=True, text=True
    )
    return done.stdout


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def compile_model(spin: str, model: str, flags: Sequence[str], folder: Path) -> Path:
    """Return the verifier that spin makes of a model under `flags`."""
    _output(spin, *flags, "-a", str(HERE / f"{model}.pml"), cwd=folder)
    # NFAIR: room for weak fairness; MEMLIM: a run that outgrows it is no answer.
    options = ("-O1", "-w", "-DNFAIR=3", f"-DMEMLIM={MEMORY_MAX_MB}")
    _output("gcc", *options, "-o", "pan", "pan.c", cwd=folder)
    return folder / "pan"


def search(pan: Path, claim: Claim, folder: Path) -> Result:
    """Let the verifier search the whole model for a run that breaks the claim's formula."""
    began = time.monotonic()
    command = (str(pan), "-a", "-f", f"-m{DEPTH_MAX}", "-N", claim.name)
    done = subprocess.run(  # noqa: S603 - the verifier that was compiled just now
        command, cwd=folder, check=False, capture_output=True, text=True, timeout=RUN_SECONDS_MAX
    )
    said = done.stdout + done.stderr
    errors = re.search(r"errors: (\d+)", said)
    states = re.search(r"^\s*([\d.e+]+) states, stored", said, re.MULTILINE)
    count = int(errors[1]) if errors else 0
    cut = "Search not completed" in said or "too small" in said
    return Result(
        claim=claim,
        states=int(float(states[1])) if states else 0,
        seconds=time.monotonic() - began,
        errors=count,
        whole=errors is not None and (count > 0 or not cut),
        said=said,
    )


def _answers(spin: str, group: Sequence[Claim]) -> list[Result]:
    """Return the results of claims that share a model and its flags: one compilation for all."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pan = compile_model(spin, group[0].model, group[0].flags, folder)
        return [search(pan, claim, folder) for claim in group]


def answers(models: Sequence[str]) -> Iterator[Result]:
    """Yield the result of every claim of the models, in the order of their heads."""
    spin = find_spin()
    every = [claim for model in models for claim in claims(HERE / f"{model}.pml")]
    groups: dict[tuple[str, tuple[str, ...]], list[Claim]] = {}
    for claim in every:
        groups.setdefault((claim.model, claim.flags), []).append(claim)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(_answers, spin, group) for group in groups.values()]
        found = {each.claim: each for done in running for each in done.result()}
    yield from (found[claim] for claim in every)


def table(results: Sequence[Result]) -> str:
    """Return the results as a table in Markdown."""
    lines = ["| model | claim | without a rule, or with an attack | states | s | answer |"]
    lines.append("|---|---|---|---:|---:|---|")
    for each in results:
        claim = each.claim
        flags = " ".join(f"`{flag.removeprefix('-D')}`" for flag in claim.flags)
        lines.append(
            f"| {claim.model} | `{claim.name}` | {flags} | {each.states:,} "
            f"| {each.seconds:.1f} | {each.answer} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Check the named models, or all; return how the process ends."""
    models = [each for each in arguments if not each.startswith("-")]
    began = time.monotonic()
    try:
        results = list(answers(models or sorted(path.stem for path in HERE.glob("*.pml"))))
    except subprocess.CalledProcessError as failure:
        sys.exit(f"{failure}\n{failure.stdout}{failure.stderr}")
    _say(table(results))
    wrong = [each for each in results if not each.right]
    for each in wrong:
        _say(f"{each.claim.model} {each.claim.name} {each.claim.flags}: {each.answer}")
        _say(each.said[-1500:])
    _say(f"{len(results)} claims, {len(wrong)} wrong, {time.monotonic() - began:.0f} s")
    if "--write" in arguments and not models and not wrong:
        text = README.read_text(encoding="utf-8")
        written = TABLE.sub(lambda _: f"\n{table(results)}\n", text)
        README.write_text(written, encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
