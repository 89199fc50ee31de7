"""A label config as a tree of tags, read from XML that a stranger may have written.

A label config needs tags, attributes and text, nothing else of XML. So a document type, and with
it every entity that could be expanded or fetched, is refused where it begins; size, depth and
number of tags are bounded, and nothing is ever looked up.
"""

from collections.abc import Iterator
from xml.parsers import expat

import msgspec

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_TAGS", "ConfigError", "Element", "read"]

MAX_BYTES = 4 << 20
MAX_DEPTH = 64
MAX_TAGS = 50_000


class ConfigError(ValueError):
    """A label config that cannot be used.

    Args:
        what: What is wrong, and where.
        why: The likely cause.
        fix: What to write instead.
        line: Line of the XML, counted from 1; 0 where there is none.

    Examples:
        >>> print(ConfigError("line 2: Choices 'mood' has no toName", fix="add toName"))
        line 2: Choices 'mood' has no toName. Add toName.
    """

    def __init__(self, what: str, *, why: str = "", fix: str = "", line: int = 0) -> None:
        self.line = line
        self.what = f"line {line}: {what}" if line else what
        self.why, self.fix = why, fix
        rest = [part[0].upper() + part[1:] for part in (why, fix) if part]
        super().__init__(" ".join(part.rstrip(".") + "." for part in (self.what, *rest)))


class Element(msgspec.Struct, frozen=True):
    """A tag.

    Attributes:
        tag: Its name, as written.
        attributes: Name to value, in the order they are written.
        children: Tags within it.
        text: Text directly within it, the pieces joined.
        line: Where it begins, counted from 1.
    """

    tag: str
    attributes: dict[str, str]
    children: tuple["Element", ...] = ()
    text: str = ""
    line: int = 0

    def walk(self) -> Iterator["Element"]:
        """This tag and all within it, as they are written."""
        yield self
        for child in self.children:
            yield from child.walk()

    def get(self, name: str) -> str | None:
        """An attribute's value, None where it is absent."""
        return self.attributes.get(name)


class _Open:
    """A tag whose end was not seen yet."""

    def __init__(self, tag: str, attributes: dict[str, str], line: int) -> None:
        self.tag, self.attributes, self.line = tag, attributes, line
        self.children: list[Element] = []
        self.text: list[str] = []

    def close(self) -> Element:
        text = "".join(self.text).strip()
        return Element(self.tag, self.attributes, tuple(self.children), text, self.line)


class _Reader:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate(encoding="utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.EntityDeclHandler = self._doctype
        self._open: list[_Open] = []
        self._tags = 0
        self.root: Element | None = None

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        self._tags += 1
        if len(self._open) >= MAX_DEPTH:
            raise ConfigError(
                f"tags are nested more than {MAX_DEPTH} deep", fix="flatten the config", line=line
            )
        if self._tags > MAX_TAGS:
            raise ConfigError(
                f"there are more than {MAX_TAGS:,} tags",
                fix='give long lists of labels in the data: value="$field"',
                line=line,
            )
        self._open.append(_Open(tag, attributes, line))

    def _end(self, tag: str) -> None:
        element = self._open.pop().close()
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element

    def _characters(self, text: str) -> None:
        if self._open:
            self._open[-1].text.append(text)

    def _doctype(self, *facts: object) -> None:
        raise ConfigError(
            "the config declares a document type or an entity",
            why="a label config needs neither, and they can make it expand without bound",
            fix='remove <!DOCTYPE ...>; write &lt; &amp; &quot; for < & "',
            line=self.parser.CurrentLineNumber,
        )


def read(xml: str) -> Element:
    """Read a tree of tags.

    Args:
        xml: One XML document; comments and processing instructions are passed over.

    Raises:
        ConfigError: It is no XML, declares a document type, or is beyond the bounds.
    """
    try:
        content = xml.encode()
    except UnicodeEncodeError as error:
        raise ConfigError("the config is no text", why=f"it holds {error.reason}") from None
    if len(content) > MAX_BYTES:
        raise ConfigError(
            f"the config has {len(content):,} bytes",
            why=f"at most {MAX_BYTES:,} are taken",
            fix='give long lists of labels in the data: value="$field"',
        )
    if not content.strip():
        raise ConfigError("the config is empty", fix="begin with <View> and end with </View>")
    reader = _Reader()
    try:
        reader.parser.Parse(content, True)
    except expat.ExpatError as error:
        where = f"column {error.offset + 1}: "
        said = expat.errors.messages[error.code]
        raise ConfigError(
            f"{where}the config is not well-formed XML: {said}",
            fix='close every tag, quote every value, and write &amp; for "&" and &lt; for "<"',
            line=error.lineno,
        ) from None
    assert reader.root is not None  # expat lets no document without a tag pass
    return reader.root
