"""`python -m core.jobs.calibrate`: measure once how fast this machine trains, so that a run's time can be told before it starts.

The worker starts it while there is nothing else to do and ends it when there is; the result is `speed.json` beside the
artifacts of this machine; it is not sent to a remote root.
"""

import json

from core.settings import get_settings
from core.store.artifacts import whole_file
from core.store.engine import Store, open_store
from core.system.imports import ALONE, importing
from core.training.config import TrainConfig
from core.training.estimate import Speed

FILE = "speed.json"


def known_speed(store: Store) -> Speed | None:
    """What was measured on this machine, or nothing yet."""
    path = store.artifacts.path(FILE)
    if not path.is_file():
        return None
    return Speed.from_dict(json.loads(path.read_text(encoding="utf-8")))


def main() -> None:
    """Measure and keep the result."""
    with importing(without=ALONE):
        from core.training.calibration import measure_speed  # brings torch, which readers of the file must not

    speed = measure_speed(TrainConfig())
    text = json.dumps(speed.to_dict())
    with whole_file(open_store(get_settings()).artifacts.path(FILE)) as scratch:
        scratch.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
