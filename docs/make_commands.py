"""The command line's reference, docs/commands.md, from the parsers themselves: `make docs`, or `python -m docs.make_commands`."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.__main__ import build_parser
from core.training.config import settings_help

TARGET = Path(__file__).parent / "commands.md"

HEAD = """# Command line

Made by `make docs` from the parsers in [core/commands](../core/commands); a test holds it to them.

Everything the pages do. With `--json`, which every command takes, exactly one JSON object goes to standard output; progress and
errors go to standard error. Exit code 0: done. 1: a run or job failed, or `doctor` found a problem. 2: the call or the input is
not usable. [Settings](settings.md) say where the store is; `UNCONFOUND_HOME` names its folder.

## A walk through it

```
python -m core dataset add --name reviews --train train.csv --dev dev.csv --text text --label label --confound source
python -m core train --dataset reviews --method finetune --encoder minilm --seed 2021 --set label_epochs=10 --wait
python -m core diagnose reviews-finetune-2021 --probes 40 --wait
python -m core train --dataset reviews --method embedding-tuning --seeds 2021,2022,2023 --then-diagnose final --wait
python -m core train --dataset reviews --method finetune --seeds 2021,2022,2023 --then-diagnose final --wait
python -m core train --like reviews-finetune-2021 --method influence-tuning --then-diagnose final --wait
python -m core compare reviews-finetune reviews-embedding-tuning
python -m core tune reviews-finetune-2021 --kind influence --set round_epochs=5 --then-label-steps 50 --wait
python -m core tree reviews-finetune-2021
python -m core status                                        # what needs attention, and what to do about it
python -m core run note reviews-finetune-2021 "Warm-up was **too short**."
python -m core run delete reviews-finetune-2021              # run restore brings it back within 7 days; --now removes it for good
python -m core try reviews-finetune-2021 --text "A short text" --wait
python -m core evaluate reviews-finetune-2021 --file other.csv
python -m core report reviews-finetune-2021 --without-texts
python -m core report --compare reviews-finetune reviews-embedding-tuning --output methods.html
python -m core export reviews-finetune-2021 --output model.zip
python -m core run list
python -m core jobs list
```

The same over HTTP: [the JSON API](api.md).
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for words, parser, told in _commands(build_parser(), ()):
        parts.append(_command(words, parser, told))
    parts.append(_settings())
    return "\n".join(parts)


def _commands(
    parser: argparse.ArgumentParser, words: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser, str]]:
    """Every command that can be given, with its words and what its parent says of it."""
    for group in (action for action in parser._actions if isinstance(action, argparse._SubParsersAction)):
        told = {choice.dest: choice.help or "" for choice in group._choices_actions}
        for name, child in group.choices.items():
            if any(isinstance(action, argparse._SubParsersAction) for action in child._actions):
                yield from _commands(child, (*words, name))
            else:
                yield (*words, name), child, told[name]


def _command(words: tuple[str, ...], parser: argparse.ArgumentParser, told: str) -> str:
    actions = [action for action in parser._actions if action.dest not in ("help", "json")]
    either = [group._group_actions for group in parser._mutually_exclusive_groups if group.required]
    required = [_call(action) for action in actions if action.required]
    required += [f"({' | '.join(map(_call, group))})" for group in either]
    more = len(actions) > sum(action.required for action in actions) + sum(map(len, either))
    call = " ".join(["python -m core", *words, *required, *(["…"] if more else [])])
    lines = [f"## {' '.join(words)}", "", f"{told[:1].upper()}{told[1:]}.", "", f"    {call}", ""]
    if actions:
        lines += ["| | |", "|---|---|"]
        lines += [f"| `{_cell(_call(action))}` | {_cell(_about(action))} |" for action in actions]
        lines.append("")
    return "\n".join(lines)


def _call(action: argparse.Action) -> str:
    """How an option or argument is written."""
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    value = f"{value} …" if action.nargs == "+" else str(value)
    if not action.option_strings:
        return value
    return action.option_strings[0] if action.nargs == 0 else f"{action.option_strings[0]} {value}"


def _about(action: argparse.Action) -> str:
    told = (action.help or "").replace("%%", "%")
    return told if action.default in (None, False, "", []) else f"{told} (usually {action.default})"


def _settings() -> str:
    lines = [
        "## Training settings",
        "",
        "What `train --set KEY=VALUE` and `tune --set KEY=VALUE` take. `auto` stands for not given.",
        "",
        "| setting | what it is | allowed | usually |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{key}` | {_cell(about)} | {_cell(allowed)} | {_default(default)} |"
        for key, about, allowed, default in settings_help()
        if key not in ("method", "encoder", "revision", "seed", "lineage")  # they have options of their own
    ]
    return "\n".join([*lines, ""])


def _default(value: Any) -> str:
    return "auto" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _cell(text: str) -> str:
    """Text for a cell of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;") if "`" not in text else text.replace("|", "\\|")


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
