"""Install a requirements file into this interpreter's environment, with the build of torch that suits the machine.

On Linux the package index gives torch with several gigabytes of CUDA libraries. A machine without an NVIDIA GPU gets the
CPU build instead: a wheel that pip already knows of (PIP_FIND_LINKS), else the one from PyTorch's own index. For Windows the
package index has the CPU build alone, so there a machine with a GPU gets PyTorch's own build for CUDA. Elsewhere, and on a
Linux machine with a GPU, plain pip does the right thing. `--torch` says which build it is to be where the machine that installs
is not the one that computes, as when an image is built: `cpu`, `cuda` (the package index's own), or the name of one of
PyTorch's indices for other drivers, such as `cu126`.

    python tools/install.py requirements.txt
    python tools/install.py --torch cuda requirements.txt
"""

import argparse
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

INDICES = "https://download.pytorch.org/whl"
WINDOWS_CUDA = "cu126"


def main(requirements: Path, build: str) -> int:
    """Install torch first where plain pip would choose the wrong build, then everything."""
    if build == "auto":
        build = usual()
    wanted = pinned("torch", requirements)
    if build == "cpu":
        install_cpu_torch(wanted)
    elif build != "cuda" and pip("--extra-index-url", f"{INDICES}/{build}", f"torch=={wanted}+{build}") != 0:
        sys.exit(
            f"PyTorch has no build {build} of torch {wanted} for this system. Name another with --torch, or take the package "
            "index's own: --torch cuda"
        )
    return pip("-r", str(requirements))


def usual() -> str:
    """The build for this machine; `cuda` is the package index's own, which has the CPU build for macOS and Windows."""
    if platform.system() == "Linux":
        return "cuda" if has_gpu() else "cpu"
    return WINDOWS_CUDA if platform.system() == "Windows" and has_gpu() else "cuda"


def has_gpu() -> bool:
    """Whether an NVIDIA driver answers."""
    if shutil.which("nvidia-smi") is None:
        return False
    return subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=False).returncode == 0


def install_cpu_torch(wanted: str) -> None:
    """Put the CPU build of torch in place, from a wheel at hand or from PyTorch's index."""
    try:
        if version("torch").split("+")[0] == wanted:
            return
    except PackageNotFoundError:
        pass
    if pip("--no-index", "--no-deps", f"torch=={wanted}", quiet=True) == 0:
        return
    if pip("--index-url", f"{INDICES}/cpu", "--no-deps", f"torch=={wanted}") != 0:
        sys.exit(
            "The CPU build of torch could not be installed; without it pip would download several gigabytes of CUDA."
        )


def pinned(package: str, requirements: Path) -> str:
    """The version that a requirements file, or one that it includes, pins."""
    text = requirements.read_text(encoding="utf-8")
    found = re.search(rf"^{package}==(\S+)", text, re.MULTILINE)
    if found:
        return found[1]
    for included in re.findall(r"^-r (\S+)", text, re.MULTILINE):
        return pinned(package, requirements.parent / included)
    sys.exit(f"{requirements} does not pin {package}")


def pip(*arguments: str, quiet: bool = False) -> int:
    """Run pip install and return its exit code."""
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "-q", *arguments]
    return subprocess.run(command, stderr=subprocess.DEVNULL if quiet else None, check=False).returncode


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="Install a requirements file with the build of torch that suits.")
    options.add_argument("--torch", default="auto", metavar="BUILD", help="auto, cpu, cuda, or an index such as cu126")
    options.add_argument("requirements", type=Path)
    chosen = options.parse_args()
    sys.exit(main(chosen.requirements, chosen.torch))
