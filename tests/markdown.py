"""What a page of Markdown shows: headings, links, code, and the commands that it tells people."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

SHELLS = {"sh", "bash", "console", "shell"}
FENCE = re.compile(r"^( *)(```+|~~~+)([^\n`]*)\n(.*?)^\1\2 *$", re.DOTALL | re.MULTILINE)


def headings(text: str) -> list[tuple[int, str]]:
    """Return the level and the words of each heading, in order."""
    found = re.findall(r"^(#{1,6}) +(.+?) *#*$", FENCE.sub("", text), re.MULTILINE)
    return [(len(marks), words) for marks, words in found]


def anchors(text: str) -> set[str]:
    """Return the names by which headings can be linked to, as GitHub makes them."""
    names: set[str] = set()
    for _, words in headings(text):
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        again = sum(name == slug or bool(re.fullmatch(f"{slug}-\\d+", name)) for name in names)
        names.add(f"{slug}-{again}" if again else slug)
    return names | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


def links(text: str) -> list[str]:
    """Return the target of each link and picture."""
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))
    found = re.findall(r"\]\(<?([^()\s>]+)>?(?: \"[^\"]*\")?\)", prose)
    return found + re.findall(r"<(?:img|a|source)[^>]+(?:src|href|srcset)=\"([^\"]+)\"", prose)


def code_spans(text: str) -> list[str]:
    """Return what stands in backticks within prose."""
    return re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


def commands(text: str) -> list[str]:
    """Return the command lines of the shell blocks, in order, without prompts and comments."""
    found = []
    for _, _, language, body in FENCE.findall(text):
        if language.strip().split(" ")[0] in SHELLS:
            lines = re.sub(r"\\\n\s*", "", body).splitlines()
            if language.strip().startswith("console"):
                lines = [line.strip()[2:] for line in lines if line.strip().startswith("$ ")]
            written = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in lines)
            found += [line for line in written if line]
    return found


def calls(command_line: str, program: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of `program` in a command line."""
    lexer = shlex.shlex(command_line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    here: list[str] | None = None
    for word in [*lexer, ";"]:
        if set(word) <= set("();<>|&"):
            if here is not None:
                yield here
            here = None
        elif here is not None:
            here.append(word)
        elif Path(word).name == program:
            here = []
