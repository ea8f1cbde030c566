"""The performance figures of the README, measured side by side with peers."""

import sys

if sys.platform == "win32":
    sys.exit(
        "The benchmarks are for Linux and macOS: they stop and resume what they measure by signals, which Windows lacks."
    )
