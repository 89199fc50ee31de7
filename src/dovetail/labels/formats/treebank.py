"""Words as the Penn Treebank cuts them, with their places in the text: the tokens of CoNLL files.

The rules are those of the Treebank's own tokenizer script (Robert MacIntyre, 1995), with its
later additions for quotes, as NLTK documents them; Label Studio's exports are cut so.
"""

import re

__all__ = ["tokens"]

Rules = tuple[tuple[re.Pattern[str], str], ...]


def _rules(*pairs: tuple[str, str]) -> Rules:
    return tuple((re.compile(pattern), instead) for pattern, instead in pairs)


_OPENING = _rules(
    (r"^\"", "``"),
    (r"(``)", r" \1 "),
    (r"([ (\[{<])(\"|'{2})", r"\1 `` "),
)
_MARKS = _rules(
    (r"([:,])([^\d])", r" \1 \2"),
    (r"([:,])$", r" \1 "),
    (r"\.\.\.", " ... "),
    (r"[;@#$/%&]", r" \g<0> "),
    (r"([^.])(\.)([\])}>\"']*)\s*$", r"\1 \2\3 "),  # the full stop at the very end only
    (r"[?!]", r" \g<0> "),
    (r"([^'])' ", r"\1 ' "),
    (r"[\]\[(){}<>]", r" \g<0> "),
    (r"--", " -- "),
)
_CLOSING = _rules(
    (r"''", " '' "),
    (r"\"", " '' "),
    (r"([^' ])('[sS]|'[mM]|'[dD]|') ", r"\1 \2 "),
    (r"([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", r"\1 \2 "),
    (r"(?i)\b(can)(not)\b", r" \1 \2 "),
    (r"(?i)\b(d)('ye)\b", r" \1 \2 "),
    (r"(?i)\b(gim)(me)\b", r" \1 \2 "),
    (r"(?i)\b(gon)(na)\b", r" \1 \2 "),
    (r"(?i)\b(got)(ta)\b", r" \1 \2 "),
    (r"(?i)\b(lem)(me)\b", r" \1 \2 "),
    (r"(?i)\b(more)('n)\b", r" \1 \2 "),
    (r"(?i)\b(wan)(na)(?=\s)", r" \1 \2 "),
    (r"(?i) ('t)(is)\b", r" \1 \2 "),
    (r"(?i) ('t)(was)\b", r" \1 \2 "),
)
_SPACE = re.compile(r"\s*")
_QUOTES = ("``", "''", '"')


def tokens(text: str) -> list[tuple[int, int]]:
    """Cut a text into tokens.

    Args:
        text: any length; the time grows with it.

    Returns:
        Where each begins and where it ends, in characters.

    Example:
        >>> text = 'She said "no", didn\\'t she?'
        >>> [text[begin:end] for begin, end in tokens(text)]
        ['She', 'said', '"', 'no', '"', ',', 'did', "n't", 'she', '?']
    """
    cut = text
    for pattern, instead in (*_OPENING, *_MARKS):
        cut = pattern.sub(instead, cut)
    cut = f" {cut} "
    for pattern, instead in _CLOSING:
        cut = pattern.sub(instead, cut)
    found, at = [], 0
    for word in cut.split():
        begin, end = _place(text, word, at)
        found.append((begin, end))
        at = end
    return found


def _place(text: str, word: str, at: int) -> tuple[int, int]:
    """Find a token again: there is only space before it.

    A quotation mark stands there as any of its three spellings.
    """
    space = _SPACE.match(text, at)
    begin = space.end() if space else at
    spellings = _QUOTES if word in _QUOTES else (word,)
    spelling = next((one for one in spellings if text.startswith(one, begin)), word)
    return begin, begin + len(spelling)
