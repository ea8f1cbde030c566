"""The glossary: every term that has a hover text, under the name that a reader would look for."""

from core.views.texts import TERMS, Term

_NAMES = {
    "cid": "CID",
    "cramers_v": "Alignment (Cramér's V)",
    "floor": "Confound-only floor",
    "wilson": "95 % interval of an accuracy",
    "ece": "Calibration error (ECE)",
    "null": "Null band",
    "ci": "95 % interval of CID",
    "q": "q",
    "cliffs_delta": "Cliff's δ",
    "effect": "Effect (Hedges' g)",
    "tuning_loss": "Tuning loss (J)",
    "sd": "Standard deviation (SD)",
    "gap": "Gap between cells",
    "control": "No-spurious control",
}


def entry(key: str) -> tuple[str, Term]:
    """Name and meaning of a term of `TERMS`."""
    return _NAMES.get(key, key.replace("_", " ").capitalize()), TERMS[key]


def entries() -> list[tuple[str, Term]]:
    """Name and meaning of every term, by name."""
    return sorted(map(entry, TERMS), key=lambda one: one[0].casefold())


def as_markdown(find: str = "") -> str:
    """The terms that have these words in name or meaning, as one text for a page."""
    words = find.casefold().split()
    kept = [
        (name, term) for name, term in entries() if all(word in f"{name} {term.sentence}".casefold() for word in words)
    ]
    return "\n\n".join(
        f"**{name}**  \n{term.sentence}" + (f" [Source]({term.url})" if term.url else "") for name, term in kept
    )
