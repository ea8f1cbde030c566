r"""A note in Markdown, made safe for a page that reads Markdown.

It is read with a parser and written anew: only paragraphs, bold, italics, struck text, code, lists, quotations and links
are written, each from here, and every text goes through `unmarked_lines`. What the parser does not call by one of these
names has no way to the page: HTML and Streamlit's own signs (`:red[…]`, `:material/…:`) stand there as they were typed.
A picture, which would tell a server of others who reads the note, becomes its description and its address. A heading
becomes a bold line. A link leads to http or https alone and shows where it leads.
"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from core.formats import unmarked_lines

_DEEPEST = 12
_ADDRESS = re.compile(r"https?://[^\s<>\"'`\\]+", re.IGNORECASE)
_TAIL = ".,;:!?)]}*_~"
_OVERRIDES = re.compile("[\u202d\u202e\x00-\x08\x0b-\x1f\x7f]")
_UNSAFE_IN_ADDRESS = {"(": "%28", ")": "%29", "<": "%3C", ">": "%3E", "\\": "%5C", " ": "%20", '"': "%22", "`": "%60"}
_WRAPS = {"strong": "**", "em": "*", "s": "~~"}


def safe_markdown(text: str) -> str:
    """The note as Markdown that shows no more than what is listed above. Empty where nothing is left."""
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": _DEEPEST}).enable("strikethrough")
    lines, _ = _blocks(parser.parse(_OVERRIDES.sub("", text)), 0)
    return "\n".join(lines).strip("\n")


def first_words(text: str, most: int = 80) -> str:
    """The beginning of a note, for a cell of a table: one line without Markdown's signs."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    line = re.sub(r"^[\s#>*+-]+|[*_`~]{1,3}", "", _OVERRIDES.sub("", line)).strip()
    return line if len(line) <= most else f"{line[:most].rstrip()} …"


def _blocks(tokens: Sequence[Token], place: int) -> tuple[list[str], int]:
    """Lines of the blocks from `place` up to the end of what encloses them, and the place behind it."""
    lines: list[str] = []
    while place < len(tokens):
        token = tokens[place]
        place += 1
        if token.nesting == -1:
            return lines, place
        found: list[str] = []
        if token.nesting == 1:
            inner, place = _blocks(tokens, place)
            found = _enclosed(token, inner)
        elif token.type == "inline":
            found = _inline(token.children or []).split("\n")
        elif token.type in ("fence", "code_block"):
            found = _fenced(token.content)
        if found:
            tight = not lines or token.type in ("list_item_open",)
            lines += found if tight else ["", *found]
    return lines, place


def _enclosed(token: Token, inner: list[str]) -> list[str]:
    if not any(inner):
        return []  # an empty item within an empty item would read as a rule
    if token.type == "list_item_open":
        mark = f"{_number(token.info)}. " if token.info else "- "
        first, *rest = inner
        return [mark + first, *((" " * len(mark) + line).rstrip() for line in rest)]
    if token.type == "blockquote_open":
        return [f"> {line}".rstrip() for line in inner]
    if token.type == "heading_open":
        return [f"**{' '.join(inner)}**"]
    return inner


def _number(text: str) -> int:
    return min(int(text), 9999) if text.isascii() and text.isdecimal() else 1


def _fenced(content: str) -> list[str]:
    longest = max((len(run) for run in re.findall("`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *content.rstrip("\n").split("\n"), fence]


def _inline(tokens: Sequence[Token]) -> str:
    written: list[str] = []
    opened: list[str | None] = []
    """Addresses of the links that are open; None for one that leads nowhere safe and is only named."""
    starts: list[int] = []
    for token in tokens:
        kind = token.type.removesuffix("_open").removesuffix("_close")
        if token.type == "text":
            written.append(unmarked_lines(token.content) if opened else _text(token.content))
        elif token.type == "softbreak":
            written.append("\n")
        elif token.type == "hardbreak":
            written.append("\\\n")
        elif token.type == "code_inline":
            written.append(_code(token.content))
        elif token.type == "image":
            written.append(_named(token, "src", unmarked_lines(token.content or "picture")))
        elif kind in _WRAPS:
            written.append(_WRAPS[kind])
        elif token.type == "link_open":
            opened.append(_attribute(token, "href"))
            starts.append(len(written))
        elif token.type == "link_close":
            start = starts.pop()
            words = "".join(written[start:])
            written[start:] = [_link(words, opened.pop() or "")]
    return "".join(written)


def _text(content: str) -> str:
    """Words, in which bare addresses become links."""
    parts, last = [], 0
    for found in _ADDRESS.finditer(content):
        address = found[0].rstrip(_TAIL)
        parts.append(unmarked_lines(content[last : found.start()]))
        parts.append(_link(unmarked_lines(address), address))
        last = found.start() + len(address)
    return "".join([*parts, unmarked_lines(content[last:])])


def _link(words: str, address: str) -> str:
    shown = unmarked_lines(address)
    safe = _safe(address)
    if safe is None:
        return words if words == shown else f"{words} \\({shown}\\)"
    return f"[{words or shown}](<{safe}>)" + ("" if words == shown or not words else f" \\({shown}\\)")


def _safe(address: str) -> str | None:
    """The address where it leads to http or https, with every sign that means something in Markdown encoded."""
    if _ADDRESS.fullmatch(address) is None:
        return None
    try:
        host = urlsplit(address).hostname
    except ValueError:
        return None
    return "".join(_UNSAFE_IN_ADDRESS.get(sign, sign) for sign in address) if host else None


def _named(token: Token, attribute: str, words: str) -> str:
    """A picture as words."""
    return f"{words} \\({unmarked_lines(_attribute(token, attribute))}\\)"


def _attribute(token: Token, name: str) -> str:
    value: Any = token.attrs.get(name, "")
    return str(value)


def _code(content: str) -> str:
    longest = max((len(run) for run in re.findall("`+", content)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {content} {fence}" if content.strip() else unmarked_lines(content)
