"""Just enough of SQL's grammar to tell code from what is quoted: strings, quoted names, comments, dollar quotes."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_OPAQUE = re.compile(
    r"""
      [eE]'(?:[^'\\]|\\.|'')*'              # PostgreSQL's string with escapes
    | '(?:[^']|'')*'                        # string
    | "(?:[^"]|"")*"                        # quoted name
    | --[^\n]*                              # comment to the end of the line
    | /\*.*?\*/                             # comment (PostgreSQL could nest them; we do not)
    | \$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$   # dollar-quoted string
    """,
    re.VERBOSE | re.DOTALL,
)
_CREATE_TRIGGER = re.compile(r"\s*CREATE\s+(TEMP\w*\s+)?TRIGGER\b.*\bBEGIN\b", re.IGNORECASE | re.DOTALL)
_END_OF_BODY = re.compile(r";\s*END\s*$", re.IGNORECASE)


class Piece(NamedTuple):
    """A stretch of SQL: either code, or something quoted or commented out in which no character means anything."""

    text: str
    is_code: bool
    is_comment: bool


def pieces(sql: str) -> Iterator[Piece]:
    """Cut SQL into its code and its opaque parts; the texts joined are the SQL again."""
    end = 0
    for match in _OPAQUE.finditer(sql):
        if match.start() > end:
            yield Piece(sql[end : match.start()], True, False)
        yield Piece(match[0], False, match[0].startswith(("--", "/*")))
        end = match.end()
    if end < len(sql):
        yield Piece(sql[end:], True, False)


def split_statements(script: str) -> list[str]:
    """The statements of a script, without their semicolons; comments stay where they are.

    A trigger with a body (SQLite) is one statement although there are semicolons between its BEGIN and END.
    """
    statements: list[str] = []
    text = code = ""
    for piece in pieces(script):
        if not piece.is_code:
            text += piece.text
            code += "" if piece.is_comment else "''"
            continue
        *finished, rest = piece.text.split(";")
        for part in finished:
            text, code = text + part, code + part
            if _CREATE_TRIGGER.match(code) and not _END_OF_BODY.search(code):
                text, code = text + ";", code + ";"
                continue
            statements += [text.strip()] if code.strip() else []
            text = code = ""
        text, code = text + rest, code + rest
    return [*statements, text.strip()] if code.strip() else statements
