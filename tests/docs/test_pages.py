"""The documentation tells the truth where a program can check it: links, pictures, commands, files, settings, and what is made from the code."""

import contextlib
import hashlib
import io
import re
import shlex
from pathlib import Path

import pytest
import yaml

from core.__main__ import build_parser
from core.influence.catalogue import ESTIMATORS
from core.settings import PROJECT, Settings
from docs import make_architecture, make_commands, make_settings
from tests.docs.pages import CODE, PAGES, anchors, calls, name, prose, text

LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
HOUSES = ("core", "pages", "tests", "benchmarks", "docs", "tools", "deploy")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere_and_pictures_say_what_they_show(page: Path) -> None:
    for picture, words, target in LINK.findall(prose(page)):
        assert words.strip(), f"{target} has no words"
        assert not picture or len(words) > 20, f"{target} has no description"
        if re.match(r"https?://|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target} is not there"
        if anchor:
            assert anchor in anchors(there), f"{name(there)} has no heading for #{anchor}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, ahead = set(), [PROJECT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in seen:
            continue
        seen.add(page)
        links = [target.partition("#")[0] for _, _, target in LINK.findall(prose(page)) if "://" not in target]
        ahead += [
            there for link in links if link.endswith(".md") and (there := (page.parent / link).resolve()).exists()
        ]
    assert set(PAGES) <= seen


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "extending.md"], ids=name)
def test_every_command_can_be_given_as_it_is_printed(page: Path) -> None:
    given, named = calls(page)
    commands = {words for words, _, _ in make_commands._commands(build_parser(), ())}
    for line in given + named:
        _, _, module, *words = shlex.split(line, comments=True)
        if module == "core" and line in named and tuple(words) in commands:
            continue  # its name, not a call
        if module != "core":
            file = PROJECT / (module.replace(".", "/") + ".py")
            assert file.exists() or (file.with_suffix("") / "__main__.py").exists() or module == "venv", line
            continue
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            try:
                build_parser().parse_args(words)
            except SystemExit as error:
                if error.code:
                    pytest.fail(f"{line}\n{said.getvalue()}")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_and_target_that_is_named_is_there(page: Path) -> None:
    new = set(re.findall(r"\*\*New file `([^`]+)`", text(page)))
    for code in CODE.findall(prose(page)):
        path = code.split(" ")[0].split("::")[0].rstrip("/")
        if path.split("/")[0] in HOUSES and "/" in path and path not in new and "…" not in path:
            assert list(PROJECT.glob(path)), f"there is no {path}"
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^|`)make ([a-z]+)\b", text(page), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"there is no make {target}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_setting_that_is_named_is_one(page: Path) -> None:
    known = {f"UNCONFOUND_{one.upper()}" for one in Settings.model_fields}
    others = "\n".join(
        (PROJECT / one).read_text("utf-8")
        for one in ("compose.yaml", "Dockerfile", "tests/conftest.py", "tests/faults/test_kills.py")
    )
    for variable in set(re.findall(r"\bUNCONFOUND_[A-Z_]*[A-Z]\b", text(page))):
        assert variable in known or variable in others, f"there is no setting {variable}"


def test_the_references_are_those_of_the_code() -> None:
    for made in (make_commands, make_settings):
        assert text(made.TARGET) == made.page(), "make docs"


def test_every_option_and_every_setting_says_what_it_is() -> None:
    for words, parser, told in make_commands._commands(build_parser(), ()):
        silent = [action.dest for action in parser._actions if not action.help]
        assert told, words
        assert not silent, f"{' '.join(words)}: {silent}"
    assert [one for one, field in Settings.model_fields.items() if not field.description] == []


def test_the_pictures_show_the_layers_of_the_contract() -> None:
    for file, picture in make_architecture.PICTURES.items():
        assert text(make_architecture.FOLDER / file) == picture(), "make docs"
    shown = re.findall(r'class="code"[^>]*>([^<]+)<', make_architecture.layers_picture())
    for names in make_architecture.layers():
        for one in names:
            assert one in shown or one.removeprefix("pages.") in shown


def test_the_readme_says_where_an_estimator_is_added() -> None:
    row = next(line for line in text(PROJECT / "README.md").split("\n") if "**estimator**" in line)
    assert "core/influence/catalogue.py" in row
    assert "docs/extending.md#an-estimator-of-influence" in row
    for estimator in ESTIMATORS.values():
        assert estimator.scorer().__doc__


def test_licence_and_citation() -> None:
    assert hashlib.sha256((PROJECT / "LICENSE").read_bytes()).hexdigest() == APACHE_2
    cited = yaml.safe_load(text(PROJECT / "CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert cited["license"] == "Apache-2.0"
    assert f'version = "{cited["version"]}"' in text(PROJECT / "pyproject.toml")
    assert cited["version"] in text(PROJECT / "CHANGELOG.md")
