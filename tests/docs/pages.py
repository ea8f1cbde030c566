"""The documentation's pages as text, and what is found in them."""

import re
from pathlib import Path

from core.settings import PROJECT

AT_THE_ROOT = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
PAGES = sorted([*(PROJECT / name for name in AT_THE_ROOT), *(PROJECT / "docs").glob("*.md")])
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def name(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return FENCE.sub("", text(page))


def anchors(page: Path) -> set[str]:
    """What may follow # in a link to the page, as the forge makes it from the headings."""
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} (.+)$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return set(found)


def calls(page: Path) -> tuple[list[str], list[str]]:
    """Every `python -m …` of the page that is no pattern: those in blocks of code and indented lines, and those between backticks."""
    joined = text(page).replace("\\\n", " ")
    blocks = "\n".join(re.findall(r"^```[a-z]*\n(.*?)^```$", joined, re.MULTILINE | re.DOTALL))
    indented = "" if page.name == "commands.md" else "\n".join(re.findall(r"^ {4}(.+)$", joined, re.MULTILINE))
    given, named = (
        [line for one in part if (line := _call(one))]
        for part in (
            [*blocks.split("\n"), *indented.split("\n")],
            CODE.findall(FENCE.sub("", joined)),
        )
    )
    return given, named


def _call(line: str) -> str | None:
    match = re.search(r"(?:^|\s)(python3? -m [^|;]+)", line)
    return re.sub(r"\$\([^)]*\)", "x", match[1]).strip() if match and "…" not in line else None
