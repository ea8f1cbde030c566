"""What every figure has in common: its frame, its tool bar, its file name."""

import re
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from core.views.colours import CHOSEN

if TYPE_CHECKING:  # pages without a figure are spared it
    import plotly.graph_objects as go

_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)

UNTOUCHED = {"marker": {"opacity": 1}}
"""For `selected` and `unselected`: plotly would pale whatever was not clicked."""


def config(filename: str, *, select: bool = False, lasso: bool = False, image: str = "png") -> dict[str, Any]:
    """Plotly's tool bar: the camera saves a PNG of three times the size, or an SVG, under a telling name."""
    unwanted = ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"]
    unwanted += [] if select else ["select2d"]
    unwanted += [] if lasso else ["lasso2d"]
    return {
        "displaylogo": False,
        "modeBarButtonsToRemove": unwanted,
        "toImageButtonOptions": {
            "format": image,
            "scale": 1 if image == "svg" else 3,  # an SVG has no pixels
            "filename": safe_filename(filename),
        },
    }


def unmarked(text: str) -> str:
    """Somebody's text for a figure: plotly reads tags in labels, so the signs of a tag are written as entities."""
    return escape(text, quote=False)


def safe_filename(name: str) -> str:
    """Letters, digits, dot, dash and underscore only, and none of the names that Windows keeps for devices."""
    safe = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:120] or "figure"
    return f"_{safe}" if _DEVICE.fullmatch(safe) else safe


def layout(height: int, *, left: int = 76, right: int = 10, top: int = 58, bottom: int = 66) -> dict[str, Any]:
    """Height, margins in pixels and a legend above the figure.

    Where ticks, titles or a legend need more room plotly makes it, but sees so only once all is drawn, and draws all again.
    So the margins are those that most figures need.
    """
    return {
        "height": height,
        "margin": {"l": left, "r": right, "t": top, "b": bottom},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.06, "x": 0, "traceorder": "normal"},
    }


def room_for(names: Iterable[str]) -> int:
    """Pixels to the left of an axis whose ticks are these names; for very long ones plotly makes more."""
    return 18 + round(5.4 * min(max((len(name) for name in names), default=0), 32))


def mark(figure: "go.Figure", x: float, line: dict[str, Any], *, layer: str = "above", **note: Any) -> None:
    """A vertical line over the whole height, with a note at its upper end where one is given.

    Plotly's own `add_vline` does the same and takes five times as long, since it looks for subplots.
    """
    figure.add_shape(type="line", x0=x, x1=x, y0=0, y1=1, xref="x", yref="y domain", line=line, layer=layer)
    if note:
        about = {"xanchor": "center", "yanchor": "bottom", "showarrow": False} | note
        figure.add_annotation(x=x, y=1, xref="x", yref="y domain", **about)


def shade(figure: "go.Figure", first: float, last: float) -> None:
    """What is chosen, from one place to another over the whole height, behind everything."""
    figure.add_shape(
        type="rect",
        x0=first,
        x1=last,
        y0=0,
        y1=1,
        xref="x",
        yref="y domain",
        fillcolor=CHOSEN,
        line={"width": 0},
        layer="below",
    )
