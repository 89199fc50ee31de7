"""Split a filter string of MLflow's search grammar into tokens.

MLflow lexes filters with a general SQL parser; the grammar in use is far smaller, and this lexer
knows just that: dotted identifiers whose parts may be quoted, string and number literals,
comparison operators, keywords and parenthesised lists.
"""

import re
from dataclasses import dataclass
from enum import Enum

__all__ = ["Kind", "Token", "tokenize"]

_QUOTED = r"`[^`]+`|\"[^\"]*\""
_PART = rf"(?:{_QUOTED}|[A-Za-z_][\w$]*)"
_TAIL = rf"(?:{_QUOTED}|'[^']*'|[\w$]+)"
_TOKENS = re.compile(
    rf"""\s*(?:
      (?P<string>'(?:''|\\'|[^'])*')
    | (?P<number>[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    | (?P<operator><>|!=|>=|<=|==|=|<|>)
    | (?P<list>\((?:'(?:''|\\'|[^'])*'|"[^"]*"|[^()'"])*\))
    | (?P<name>{_PART}(?:\.{_TAIL})*)
    | (?P<other>\S)
    )""",
    re.VERBOSE,
)
_KEYWORDS = frozenset({"AND", "OR", "IN", "NOT", "IS", "NULL", "LIKE", "ILIKE", "RLIKE"})


class Kind(Enum):
    """What a token is."""

    STRING = "string"
    NUMBER = "number"
    OPERATOR = "operator"
    LIST = "list"
    NAME = "name"
    KEYWORD = "keyword"
    OTHER = "other"


@dataclass(frozen=True)
class Token:
    """One token: its kind and its text as written."""

    kind: Kind
    text: str

    def is_keyword(self, word: str) -> bool:
        """Tell whether this is the given keyword, in any case."""
        return self.kind is Kind.KEYWORD and self.text.upper() == word


def tokenize(text: str) -> list[Token]:
    """Split `text` into tokens.

    Example:
        >>> [token.text for token in tokenize("metrics.`val acc` >= 0.5 AND tags.a = 'x'")]
        ['metrics.`val acc`', '>=', '0.5', 'AND', 'tags.a', '=', "'x'"]
    """
    tokens = []
    for match in _TOKENS.finditer(text):
        name = match.lastgroup or "other"
        part = match.group(name)
        kind = Kind.KEYWORD if name == "name" and part.upper() in _KEYWORDS else Kind(name)
        tokens.append(Token(kind, part))
    return tokens
