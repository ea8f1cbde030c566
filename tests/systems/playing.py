"""Processes that see Windows; see windows/sitecustomize.py for what that means."""

import os
import subprocess
import sys
from pathlib import Path

from core.settings import PROJECT

FOLDER = Path(__file__).parent / "windows"
WINDOWS = {
    "PYTHONPATH": str(FOLDER),
    "PYTHONWARNDEFAULTENCODING": "1",
    "UNCONFOUND_TEST_WINDOWS": "1",
}


def run(*arguments: str, expected: int = 0) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, to its end."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={**os.environ, **WINDOWS},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == expected, done.stdout[-2000:] + done.stderr[-6000:]
    return done
