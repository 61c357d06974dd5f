"""A strict reader of our own HTML: any tag that is not closed, or closed twice, is an error."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "input", "br", "hr"}


@dataclass(slots=True)
class Element:
    """A tag with what is in it."""

    tag: str
    attributes: dict[str, str]
    children: list["Element | str"] = field(default_factory=list)

    def all(self, tag: str = "") -> list["Element"]:
        """Return everything inside, in order, or only what has this tag."""
        return [each for each in self._inside() if not tag or each.tag == tag]

    @property
    def raw(self) -> str:
        """Return the text inside as it is."""
        return "".join(each if isinstance(each, str) else each.raw for each in self.children)

    def text(self) -> str:
        """Return the text inside as a reader sees it: any run of white space is one space."""
        return " ".join(self.raw.replace("\xa0", "\0").split()).replace("\0", "\xa0")

    def texts(self, *, without: Sequence[str], languages: Sequence[str]) -> Iterator[str]:
        """Yield each piece of text outside the tags and the languages that are named."""
        for each in self.children:
            if isinstance(each, str):
                yield each
            elif each.tag not in without and each.attributes.get("lang") not in languages:
                yield from each.texts(without=without, languages=languages)

    def _inside(self) -> Iterator["Element"]:
        for each in self.children:
            if isinstance(each, Element):
                yield each
                yield from each._inside()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert any(each.tag == "svg" for each in self.open), f"<{tag} /> closes itself"
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"<![{data}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"<?{data}")


def read(html: str) -> Element:
    """Return the page as a tree; raises `AssertionError` where it is not well formed."""
    assert html.startswith("<!DOCTYPE html>\n")
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == [reader.root], f"<{reader.open[-1].tag}> is never closed"
    return reader.root
