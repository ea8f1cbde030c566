"""Files are put in place where somebody has them open, as a reader or a virus scanner does; on Windows that takes patience."""

import json

import pytest

from tests.systems.playing import run

CODE = """
import json, tempfile, threading, time
from pathlib import Path
from core.system import files
from core.store.artifacts import Artifacts, whole_file
from core.training.checkpoints import whole_folder

said = {}
folder = Path(tempfile.mkdtemp())

def reading(path, seconds):
    handle = path.open("rb")
    threading.Timer(seconds, handle.close).start()

def fill(target, text):
    with whole_file(target) as scratch:
        scratch.write_text(text, encoding="utf-8")

fill(folder / "speed.json", "old")
reading(folder / "speed.json", 0.7)
began = time.monotonic()
fill(folder / "speed.json", "new")
said["file"] = [(folder / "speed.json").read_text(encoding="utf-8"), time.monotonic() - began > 0.6]

folder = Path(tempfile.mkdtemp())
for text in ("old", "new"):
    with whole_folder(folder / "step") as scratch:
        (scratch / "part").mkdir()
        (scratch / "part" / "state").write_text(text, encoding="utf-8")
    if text == "old":
        reading(folder / "step" / "part" / "state", 0.7)
said["folder"] = [(folder / "step" / "part" / "state").read_text(encoding="utf-8"), [path.name for path in folder.iterdir()]]

folder = Path(tempfile.mkdtemp())
files.PATIENCE_SECONDS = 0.2
artifacts = Artifacts(folder)
artifacts.write("jobs/a.log", lambda path: path.write_bytes(b"said"))
reading(folder / "jobs" / "a.log", 1.0)
artifacts.delete("jobs/a.log")
said["kept open"] = [(folder / "jobs" / "a.log").exists()]
time.sleep(1.2)
artifacts.delete("jobs/a.log")
said["kept open"].append((folder / "jobs" / "a.log").exists())
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said() -> dict[str, list[object]]:
    """What one process saw of all three; it takes seconds to import."""
    found: dict[str, list[object]] = json.loads(run("-c", CODE).stdout)
    return found


def test_a_file_takes_its_place_when_the_reader_has_gone(said: dict[str, list[object]]) -> None:
    assert said["file"] == ["new", True]


def test_a_folder_is_flushed_and_replaced_when_its_reader_has_gone(said: dict[str, list[object]]) -> None:
    assert said["folder"] == ["new", ["step"]]


def test_what_stays_open_is_left_behind_and_nothing_breaks(said: dict[str, list[object]]) -> None:
    assert said["kept open"] == [True, False]
