"""Files are put in place where somebody has them open, as a reader or a virus scanner does; on Windows that takes patience."""

from tests.systems.playing import run

HEAD = """
import tempfile, threading, time
from pathlib import Path
from core.system import files
from core.store.artifacts import Artifacts, whole_file
from core.training.checkpoints import whole_folder

folder = Path(tempfile.mkdtemp())

def reading(path, seconds):
    handle = path.open("rb")
    threading.Timer(seconds, handle.close).start()

def fill(target, text):
    with whole_file(target) as scratch:
        scratch.write_text(text, encoding="utf-8")
"""


def test_a_file_takes_its_place_when_the_reader_has_gone() -> None:
    code = """
fill(folder / "speed.json", "old")
reading(folder / "speed.json", 0.7)
began = time.monotonic()
fill(folder / "speed.json", "new")
print((folder / "speed.json").read_text(encoding="utf-8"), time.monotonic() - began > 0.6)
"""
    assert run("-c", HEAD + code).stdout == "new True\n"


def test_a_folder_is_flushed_and_replaced_when_its_reader_has_gone() -> None:
    code = """
for text in ("old", "new"):
    with whole_folder(folder / "step") as scratch:
        (scratch / "part").mkdir()
        (scratch / "part" / "state").write_text(text, encoding="utf-8")
    if text == "old":
        reading(folder / "step" / "part" / "state", 0.7)
print((folder / "step" / "part" / "state").read_text(encoding="utf-8"), [path.name for path in folder.iterdir()])
"""
    assert run("-c", HEAD + code).stdout == "new ['step']\n"


def test_what_stays_open_is_left_behind_and_nothing_breaks() -> None:
    code = """
files.PATIENCE_SECONDS = 0.2
artifacts = Artifacts(folder)
artifacts.write("jobs/a.log", lambda path: path.write_bytes(b"said"))
reading(folder / "jobs" / "a.log", 1.0)
artifacts.delete("jobs/a.log")
print((folder / "jobs" / "a.log").exists())
time.sleep(1.2)
artifacts.delete("jobs/a.log")
print((folder / "jobs" / "a.log").exists())
"""
    assert run("-c", HEAD + code).stdout == "True\nFalse\n"
