"""Text of others, as it may be shown: an election's name must not move a terminal's cursor or turn its line around."""

from __future__ import annotations

_IDEOGRAPHIC_SPACE = "\u3000"


def visible(text: str) -> str:
    """The text on one line, with every character that is not seen as itself written as its number.

    Such are control characters, line breaks, those that turn the direction of writing or have no width, and what no
    character stands for.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character == _IDEOGRAPHIC_SPACE else f"\\u{{{ord(character):x}}}"
        for character in text
    )


def visible_lines(text: str) -> str:
    """:func:`visible` for each line of a text whose line breaks are ours."""
    return "\n".join(visible(line) for line in text.split("\n"))
