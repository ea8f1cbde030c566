"""The address of the page: which run, checkpoint, probe and bin are shown. Everything that is chosen is kept there."""

import re
from dataclasses import dataclass

import streamlit as st

_BINS = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?")
RUN_LEVEL = ("step", "diagnosis", "probe", "bin", "area", "find", "find_train", "cell")
"""What loses its meaning when another run is chosen."""


@dataclass(frozen=True)
class Link:
    """What the address asks for, unchecked."""

    run: str | None
    step: str | None
    diagnosis: str | None
    probe: str | None
    bins: tuple[int, int] | None
    find: str
    cell: str | None
    scale: str | None
    show: str | None
    style: str | None
    area: str | None
    find_train: str
    layers: str | None
    view: str | None


def asked() -> Link:
    """Read the address."""
    said = st.query_params
    return Link(
        run=said.get("run"),
        step=said.get("step"),
        diagnosis=said.get("diagnosis"),
        probe=said.get("probe"),
        bins=parse_bins(said.get("bin")),
        find=said.get("find", ""),
        cell=said.get("cell"),
        scale=said.get("scale"),
        show=said.get("show"),
        style=said.get("style"),
        area=said.get("area"),
        find_train=said.get("find_train", ""),
        layers=said.get("layers"),
        view=said.get("view"),
    )


def parse_bins(text: str | None) -> tuple[int, int] | None:
    """ "12" → (12, 12); "12-15" → (12, 15); anything else is no choice."""
    found = _BINS.fullmatch(text or "")
    if found is None:
        return None
    first = int(found[1])
    last = int(found[2]) if found[2] else first
    return (first, last) if first <= last else None


def format_bins(bins: tuple[int, int]) -> str:
    """The inverse of `parse_bins`."""
    return str(bins[0]) if bins[0] == bins[1] else f"{bins[0]}-{bins[1]}"
