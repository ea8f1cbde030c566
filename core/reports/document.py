"""One HTML file that needs nothing else: template, style, script and figures put together.

Nothing in it can reach a network. Its policy (CSP) lets run only the scripts whose hash it names, so that a text which
got past the escaping could still do nothing.
"""

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from plotly.io.json import to_json_plotly
from plotly.offline import get_plotlyjs

from core.formats import count, interval, percent, percent_interval, shortened, signed
from core.reports.private import sayable
from core.views.charts import safe_filename

_HERE = Path(__file__).parent / "templates"
_OUTSIDE_STRINGS = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


@dataclass(frozen=True)
class Figure:
    """A figure of a report. alt: it in words; filename: under which its picture is saved."""

    figure: go.Figure
    alt: str
    filename: str

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.figure.layout.height or 320)

    def json(self) -> str:
        """Data and layout for a `<script type="application/json">`: no sign in it can end the element."""
        drawn = self.figure.to_plotly_json()
        drawn["layout"].pop("template", None)  # the page has one of its own, for light and for dark
        drawn["layout"].pop("clickmode", None)
        about = {"data": drawn["data"], "layout": drawn["layout"], "filename": safe_filename(self.filename)}
        text = to_json_plotly(about)
        for sign, written in _OUTSIDE_STRINGS.items():
            text = text.replace(sign, written)
        json.loads(text)
        return str(text)


def document(template: str, **context: Any) -> str:
    """A whole report."""
    script = (_HERE / "report.js").read_text(encoding="utf-8")
    plotly = _plotly_js()
    return (
        _environment()
        .get_template(template)
        .render(
            policy=_policy((plotly, script)),
            style=(_HERE / "style.css").read_text(encoding="utf-8"),
            plotly_js=plotly,
            report_js=script,
            **context,
        )
    )


def _short(text: object, most: int = 200) -> str:
    return shortened(text, most) or "–"


def _small(value: float | None) -> str:
    """A q or p that may be smaller than what is printed."""
    return "< 0.001" if value is not None and value < 0.001 else signed(value, 3)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=sayable,
    )
    environment.filters |= {
        "count": count,
        "percent": percent,
        "signed": signed,
        "small": _small,
        "short": _short,
    }
    environment.globals |= {
        "interval": interval,
        "percent_interval": percent_interval,
        "moment": lambda when: f"{when:%Y-%m-%d %H:%M} UTC",
    }
    return environment


def _policy(scripts: Sequence[str]) -> str:
    hashes = " ".join(f"'sha256-{b64encode(sha256(one.encode('utf-8')).digest()).decode()}'" for one in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


@lru_cache(maxsize=1)
def _plotly_js() -> str:
    """Plotly itself, once. It holds no `</script`, which would end the element that it stands in."""
    text = str(get_plotlyjs()).replace("\r\n", "\n")
    if "</script" in text.lower() or "<!--" in text:
        raise AssertionError("this version of plotly.js cannot stand in a page as it is")
    return text
