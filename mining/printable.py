"""Text of others, safe to show on a terminal."""

from __future__ import annotations

# Bidirectional controls can make a line read otherwise than it is; so can the ends of lines that
# only Unicode knows. C1 holds an 8-bit escape.
_TURNS = "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_SHOWN = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: "\N{SYMBOL FOR DELETE}",
    **dict.fromkeys([*range(0x80, 0xA0), *map(ord, _TURNS)], "\N{REPLACEMENT CHARACTER}"),
}


def printable(text: str) -> str:
    """The text with every character that commands a terminal made visible; lines stay.

    It is as long as before, so that offsets into it hold.

    >>> printable("red \\x1b[31m, bell \\x07, turned \\u202e")
    'red ␛[31m, bell ␇, turned �'
    """
    return text.translate(_SHOWN)


def utf8(name: str) -> str:
    r"""The name of a file, with the bytes of it that are not UTF-8 written out.

    >>> utf8("r\udcff.txt")
    'r\\udcff.txt'
    """
    return name.encode(errors="backslashreplace").decode()
