"""The Huffman code of HPACK (RFC 7541, appendix B).

The code is canonical: the lengths alone say which bits stand for which byte. The table is made of
them when it is first needed.
"""

from functools import cache

__all__ = ["decode"]

_LENGTHS = (
    "isxxxxxxxtzxxzxxxxxxxxzxxxxxxxxxbffhibdgffdgdbbbaaabbbbbbbcdkbhfibcccccccccccccccccccc"
    "ccdcdioijbkabababbbaccbbbabcbaabccccckgjixprpprrrsrssssststtrstssssqrsrsstrqprrssqsrrt"
    "qrssqqrqsrssprrrsrrsvvporsruvvvwwvtuoqvwwvwtqqvvxwwwptpqrqqsrruuttvsvwvvwwwwwxwwwwwvz"
)
"""Bits of each byte's code, then of the end: "a" for 5, "b" for 6, and so on to "z" for 30."""

_QUICK, _MOST, _END = 8, 30, 256
_PADDING = 7  # bits at most, all ones


def decode(data: bytes) -> bytes:
    """Return what coded bytes stand for.

    Raises:
        ValueError: they end within a code, or the padding is wrong.
    """
    quick, others = _tables()
    bits = left = 0
    found = bytearray()
    for byte in data:
        bits, left = (bits << 8) | byte, left + 8
        while left >= _QUICK:
            symbol, length = quick[bits >> (left - _QUICK)]
            if not length:
                symbol, length = _long(bits, left, others)
                if not length:
                    break
            found.append(symbol)
            left -= length
            bits &= (1 << left) - 1
    while left and bits != (1 << left) - 1:
        symbol, length = quick[((bits + 1) << (_QUICK - left)) - 1] if left < _QUICK else (0, 0)
        if not 0 < length <= left:
            break
        found.append(symbol)
        left -= length
        bits &= (1 << left) - 1
    if left > _PADDING or bits != (1 << left) - 1:
        raise ValueError("the padding of a Huffman code is wrong")
    return bytes(found)


def _long(bits: int, left: int, others: dict[tuple[int, int], int]) -> tuple[int, int]:
    """Return the symbol of a long code and its length; length 0 where more bits are needed."""
    for length in range(_QUICK + 1, min(left, _MOST) + 1):
        symbol = others.get((length, bits >> (left - length)))
        if symbol is not None:
            if symbol == _END:
                raise ValueError("the end of a Huffman code is in it")
            return symbol, length
    return 0, 0


@cache
def _tables() -> tuple[list[tuple[int, int]], dict[tuple[int, int], int]]:
    """Return symbol and length by the next eight bits, and the symbols of longer codes."""
    lengths = [ord(letter) - ord("a") + 5 for letter in _LENGTHS]
    quick, others = [(0, 0)] * (1 << _QUICK), {}
    code, last = 0, 0
    for symbol in sorted(range(len(lengths)), key=lambda one: (lengths[one], one)):
        length = lengths[symbol]
        code <<= length - last
        last = length
        if length <= _QUICK:
            spread = _QUICK - length
            for index in range(code << spread, (code + 1) << spread):
                quick[index] = (symbol, length)
        else:
            others[length, code] = symbol
        code += 1
    return quick, others
