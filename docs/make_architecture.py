"""The pictures of docs/architecture.md: `make docs`, or `python -m docs.make_architecture`.

The layers are those of import-linter's contract in pyproject.toml, top to bottom; the processes are drawn by hand here.
Both pictures have colours for a light and a dark page.
"""

import tomllib
from html import escape
from pathlib import Path

from core.settings import PROJECT

FOLDER = Path(__file__).parent / "architecture"

ABOUT = {
    "pages.main": "runs on every visit: navigation, theme",
    "pages.overview": "one folder a page; no page knows another",
    "pages.parts": "what pages share: tables, progress, links",
    "core.__main__": "python -m core",
    "core.commands": "the command line, one file a noun · JSON over HTTP",
    "core.reports": "offline HTML reports, exported models",
    "core.views": "words, formats and figures for pages and reports",
    "core.actions": "what can be done, for pages, commands and API alike",
    "core.jobs": "the queue, the supervisor, a process a job",
    "core.training": "label steps, tuning rounds, diagnosis",
    "core.influence": "exact gradients per example, and estimators from them",
    "core.encoders": "which encoders there are; loading them safely",
    "core.store": "rows and files · CID, tests, intervals · reading uploads",
    "core.people": "who is there, where people sign in",
    "core.settings": "one typed class of settings",
    "core.system": "what operating systems do differently",
    "core.errors": "sentences for people · how numbers are written",
}
"""What a layer is for, under the name of its first package."""

TORCH = {"core.training", "core.influence", "core.encoders"}
"""The packages that may import torch and transformers."""

STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2328; }
  .small { font-size: 12px; fill: #59636e; }
  .code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 12px; }
  .ground { fill: #ffffff; stroke: #d1d9e0; }
  .box { fill: #f1f4f8; stroke: #8c959f; }
  .torch { fill: #ffe8d1; stroke: #bc5b09; }
  .line { stroke: #59636e; stroke-width: 1.5; fill: none; }
  .tip { fill: #59636e; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .small { fill: #9ea7b3; }
    .ground { fill: #0d1117; stroke: #3d444d; }
    .box { fill: #1c2430; stroke: #656d78; }
    .torch { fill: #4a2b12; stroke: #e0823d; }
    .line { stroke: #9ea7b3; }
    .tip { fill: #9ea7b3; }
  }
"""


def layers() -> list[list[str]]:
    """The contract's layers, top to bottom, each with its packages."""
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    contract = next(one for one in contracts if one["type"] == "layers")
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def layers_picture() -> str:
    """Rows of boxes; a row may import what is below it."""
    step, height, width, left = 40, 30, 1010, 20
    rows = layers()
    parts = []
    for row, names in enumerate(rows):
        y = 20 + row * step
        shown = [name.removeprefix("pages.") for name in names] if len(names) > 4 else names
        if len(names) > 4:
            parts.append(_text(left, y + 20, "pages.", "code"))
        x = left + (48 if len(names) > 4 else 0)
        for name, label in zip(names, shown, strict=True):
            wide = int(7.3 * len(label)) + 16
            parts.append(_box(x, y, wide, height, "torch" if name in TORCH else "box"))
            parts.append(_text(x + 8, y + 20, label, "code"))
            x += wide + 8
        parts.append(_text(max(x + 8, 650), y + 20, next(ABOUT[name] for name in names if name in ABOUT), "small"))
    bottom = 20 + len(rows) * step
    parts.append(_box(left, bottom + 4, 20, 14, "torch"))
    parts.append(_text(left + 28, bottom + 16, "may import torch and transformers; nothing else may", "small"))
    parts.append(_text(430, bottom + 16, "Imports go down only: a row may use what stands below it.", "small"))
    said = "The layers of the code, top to bottom: " + "; ".join(", ".join(names) for names in rows)
    return _picture(width, bottom + 36, said, parts)


def processes_picture() -> str:
    """Who runs, and who writes what where."""
    parts = [
        *_process(20, 24, 190, 66, "box", "browser", "pages, live parts"),
        *_process(20, 106, 190, 66, "box", "another program", "JSON API, /api/v1"),
        *_process(20, 188, 190, 66, "box", "command line", "python -m core …"),
        *_process(300, 48, 230, 92, "box", "server", "streamlit run app.py", "queues work, reads results"),
        *_process(300, 280, 230, 92, "box", "worker", "one a store and machine", "claims, watches, ends jobs"),
        *_process(640, 280, 270, 92, "torch", "job, a process of its own", "python -m core.jobs.run ID", "holds one device"),
        *_process(640, 48, 270, 186, "box", "store", "rows: SQLite or PostgreSQL", "files: a folder or S3", "(weights, matrices, data)"),
        *_arrow("M210 57 L300 82"),
        *_arrow("M210 139 L300 108"),
        *_arrow("M210 221 L640 221"),
        *_arrow("M530 94 L640 94"),
        *_arrow("M530 306 L670 234"),
        *_arrow("M530 344 L640 344"),
        *_arrow("M775 280 L775 234"),
        _text(550, 86, "1 queued", "small"),
        _text(384, 213, "1 queued", "small"),
        _text(532, 272, "2 claimed", "small"),
        _text(550, 362, "3 started", "small"),
        _text(784, 262, "4 results, heartbeats", "small"),
    ]  # fmt: skip
    said = (
        "Browser, command line and other programs queue work as rows of the store; a worker claims a job and starts a "
        "process for it; the job writes its results into the store, where pages read them."
    )
    return _picture(930, 392, said, parts)


def _process(x: int, y: int, width: int, height: int, kind: str, title: str, *lines: str) -> list[str]:
    top = y + 26
    return [
        _box(x, y, width, height, kind),
        _text(x + 14, top, title, ""),
        *(_text(x + 14, top + 22 * number, line, "small") for number, line in enumerate(lines, 1)),
    ]


def _box(x: int, y: int, width: int, height: int, kind: str) -> str:
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="5"/>'


def _text(x: int, y: int, words: str, kind: str) -> str:
    named = f' class="{kind}"' if kind else ' font-weight="600"'
    return f'<text{named} x="{x}" y="{y}">{escape(words)}</text>'


def _arrow(path: str) -> list[str]:
    return [f'<path class="line" d="{path}" marker-end="url(#tip)"/>']


def _picture(width: int, height: int, said: str, parts: list[str]) -> str:
    tip = '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path class="tip" d="M0 0 L8 4 L0 8 z"/></marker>'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        f"<title>{escape(said)}</title>",
        f"<style>{STYLE}</style>",
        f"<defs>{tip}</defs>",
        f'<rect class="ground" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
        *parts,
        "</svg>",
    ]
    return "\n".join([*lines, ""])


PICTURES = {"layers.svg": layers_picture, "processes.svg": processes_picture}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, picture in PICTURES.items():
        (FOLDER / name).write_text(picture(), encoding="utf-8")
