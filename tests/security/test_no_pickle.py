"""Nothing that the project runs loads a pickle, runs a text as code or hands a string to a shell. Read from the code itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import PROJECT

FILES = sorted(
    [
        *(PROJECT / "core").rglob("*.py"),
        *(PROJECT / "pages").rglob("*.py"),
        *(PROJECT / "tools").rglob("*.py"),
        PROJECT / "app.py",
    ]
)
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml"}
"""`pickletools`, which tells a pickle and runs nothing, is not among them."""
CALLS = {
    "torch.load",
    "torch.save",
    "torch.hub.load",
    "torch.jit.load",
    "pd.read_pickle",
    "pandas.read_pickle",
    "pd.to_pickle",
    "os.system",
    "os.popen",
    "eval",
    "exec",
    "compile",
    "__import__",
}
METHODS = {"read_pickle", "to_pickle"}


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield path, node


def name_of(node: ast.AST) -> str:
    return f"{name_of(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def found_in(path: Path, node: ast.AST) -> str | None:
    """What of a node is not allowed."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        bad = MODULES & {name.partition(".")[0] for name in names}
        return f"imports {bad}" if bad else None
    if not isinstance(node, ast.Call):
        return None
    name = name_of(node.func)
    given = {one.arg: one.value for one in node.keywords}
    if name in CALLS or name.rpartition(".")[2] in METHODS:
        return f"calls {name}"
    if isinstance(value := given.get("shell"), ast.Constant) and value.value:
        return f"calls {name} with shell=True"
    if name in ("np.load", "numpy.load") and not (
        isinstance(v := given.get("allow_pickle"), ast.Constant) and v.value is False
    ):
        return "calls np.load without allow_pickle=False"
    if isinstance(value := given.get("allow_pickle"), ast.Constant) and value.value is not False:
        return f"calls {name} with allow_pickle"
    if isinstance(value := given.get("trust_remote_code"), ast.Constant) and value.value is not False:
        return f"calls {name} with trust_remote_code"
    if name.endswith("from_pretrained") and name.startswith("Auto"):
        wanted = {"trust_remote_code"} | ({"use_safetensors"} if "Model" in name else set())
        return f"calls {name} without {wanted - set(given)}" if not wanted <= set(given) else None
    return None


def test_no_file_does_what_must_not_be_done() -> None:
    assert len(FILES) > 100
    found = [
        f"{path.relative_to(PROJECT)}:{getattr(node, 'lineno', 0)} {bad}"
        for path, node in nodes()
        if (bad := found_in(path, node))
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "import torch\ntorch.load('x')",
        "np.load('x')",
        "np.load('x', allow_pickle=True)",
        "frame.to_pickle('x')",
        "subprocess.run('x', shell=True)",
        "os.system('x')",
        "eval('1')",
        "AutoModel.from_pretrained('x')",
        "AutoModel.from_pretrained('x', use_safetensors=True, trust_remote_code=True)",
    ],
)
def test_the_search_finds_what_it_is_meant_to_find(code: str) -> None:
    assert any(found_in(Path("x.py"), node) for node in ast.walk(ast.parse(code)))


def test_html_is_never_made_of_data() -> None:
    """`unsafe_allow_html` nowhere. One script: the tour's, into which go headings that stand in the code, as JSON."""
    found = []
    for path, node in nodes():
        if isinstance(node, ast.Call):
            given = {one.arg: one.value for one in node.keywords}
            risky = [name for name in ("unsafe_allow_html", "unsafe_allow_javascript") if name in given]
            found += [f"{path.relative_to(PROJECT)} {name}" for name in risky]
    assert found == ["pages/parts/tour.py unsafe_allow_javascript"]
