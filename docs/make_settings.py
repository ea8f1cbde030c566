"""The reference of the settings, docs/settings.md, from core/settings.py: `make docs`, or `python -m docs.make_settings`."""

import re
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from core.settings import PROJECT, Settings

TARGET = Path(__file__).parent / "settings.md"

HEAD = """# Settings

Made by `make docs` from [core/settings.py](../core/settings.py); a test holds it to that.

Environment variables, or the same names in a file `.env` in the project's folder. They hold for the dashboard, the command line and
the jobs; set them before the server starts.

| variable | what it is | usually |
|---|---|---|
"""


def page() -> str:
    """The whole page."""
    prefix = Settings.model_config["env_prefix"]
    lines = [
        f"| `{prefix}{name.upper()}` | {_about(field)} | {_default(field.default)} |"
        for name, field in Settings.model_fields.items()
    ]
    return HEAD + "\n".join([*lines, ""])


def _about(field: FieldInfo) -> str:
    """What it is; a page of the documentation that it names becomes a link."""
    told = (field.description or "").replace("|", "\\|").replace("*", "\\*")
    return re.sub(r"docs/([\w-]+\.md)", r"[\1](\1)", told)


def _default(value: Any) -> str:
    if isinstance(value, Path):
        return f"`{value.relative_to(PROJECT).as_posix()}`"
    if value is None or value == []:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else f"`{value}`"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
