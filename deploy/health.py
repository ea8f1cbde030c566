"""What the images' HEALTHCHECK runs: exit code 0 when the service in this container is well.

    python -m deploy.health web       # the dashboard answers, on its port and below its base path
    python -m deploy.health worker    # this host's worker has given a sign of life lately

A dashboard that waits for a database still answers and says so, hence it is well: ending it would not help.
"""

import os
import socket
import sys
import urllib.request

SECONDS = 5


def web() -> bool:
    """Ask the server as a browser would, through no proxy."""
    port = os.environ.get("STREAMLIT_SERVER_PORT", "8501")
    base = os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
    url = f"http://127.0.0.1:{port}/{base}{'/' if base else ''}_stcore/health"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=SECONDS) as answer:
        return bool(answer.status == 200)


def worker() -> bool:
    """Look at the workers' own rows, which they renew every few seconds."""
    from core.store.engine import open_store
    from core.store.queries import live_workers

    return any(one.host == socket.gethostname() for one in live_workers(open_store()))


def main(service: str) -> int:
    """Say in one line what is wrong, for `docker inspect`."""
    try:
        well = {"web": web, "worker": worker}[service]()
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is no
        print(f"{service}: {error}")
        return 1
    print(f"{service}: {'well' if well else 'no sign of life'}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
