"""See to it that a chromium is there for the browser tests: Debian's own package, installed where that is possible."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> int:
    """Return 0 once a browser is on the path."""
    if any(shutil.which(name) for name in NAMES):
        return 0
    if shutil.which("apt-get") is None:
        print("The browser tests need chromium: install it with your system's package manager.", file=sys.stderr)
        return 1
    # Debian from here on, and so POSIX.
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "chromium", "fonts-noto-color-emoji"],
    ):
        code = subprocess.run([*sudo, *command], env=environment, stdout=subprocess.DEVNULL, check=False).returncode
        if code != 0:
            print(f"'{' '.join(command)}' failed with exit code {code}; install chromium by hand.", file=sys.stderr)
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
