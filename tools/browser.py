"""See to it that a chromium is there for the browser tests: Debian's own package, installed where that is possible.

The headless shell is the same engine without the windows around it; a page costs a quarter less time in it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def found(names: Sequence[str] = NAMES) -> str | None:
    """The path of the first of these browsers that is there, or None."""
    return next((path for name in names if (path := shutil.which(name))), None)


def main() -> int:
    """Return 0 once a browser is on the path."""
    if found() is not None:
        return 0
    if shutil.which("apt-get") is None:
        print("The browser tests need chromium: install it with your system's package manager.", file=sys.stderr)
        return 1
    # Debian from here on, and so POSIX.
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    commands = [["apt-get", "update", "-qq"]]
    commands += [["apt-get", "install", "-y", "-qq", name, "fonts-noto-color-emoji"] for name in NAMES[:2]]
    for command in commands:
        code = subprocess.run([*sudo, *command], env=environment, stdout=subprocess.DEVNULL, check=False).returncode
        if found() is not None:
            return 0
        if code != 0:
            print(f"'{' '.join(command)}' ended with exit code {code}.", file=sys.stderr)
    print("Install chromium by hand.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
