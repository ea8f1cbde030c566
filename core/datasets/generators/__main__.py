"""`python -m core.datasets.generators --out data/samples`: write the bundled samples anew."""

import argparse
import sys
from pathlib import Path

from core.datasets.generators.bundled import SEED, write_bundled
from core.datasets.samples import SAMPLE_FOLDER


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m core.datasets.generators", description=__doc__)
    parser.add_argument("--out", type=Path, default=SAMPLE_FOLDER, help="folder to write to (default: data/samples)")
    parser.add_argument("--seed", type=int, default=SEED, help="2021 gives the committed files byte for byte")
    arguments = parser.parse_args()
    for path in write_bundled(arguments.out, arguments.seed):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
