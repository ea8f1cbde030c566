"""A real S3 server on a loopback port, which can be told to stop and to start again with what it held.

python server.py PORT        then lines on its input: "stop", "start"; an empty input ends it
"""

import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tests.faults.stubs import until


class S3Server:
    """The server's process, from outside."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(port)],
            cwd=Path(__file__).parents[2],
            env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""},
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        until(self.answers)

    def answers(self) -> bool:
        try:
            urllib.request.urlopen(self.url, timeout=5).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def stop(self) -> None:
        self._tell("stop")
        until(lambda: not self.answers())

    def start(self) -> None:
        self._tell("start")
        until(self.answers)

    def end(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=30)

    def _tell(self, what: str) -> None:
        print(what, file=self._process.stdin, flush=True)


def main(port: int) -> None:
    from moto.server import ThreadedMotoServer  # what it holds lives in the process, not in the listening part

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port)
    server.start()
    for line in sys.stdin:
        getattr(server, line.strip())()
    server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]))
