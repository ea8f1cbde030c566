"""The API as one application, to be mounted at /api/v1 of the server.

Its description (OpenAPI 3.1, at /api/v1/openapi.json) is made from the routes and models themselves. Endpoints that read
or write the store are plain functions, which FastAPI runs in threads, so that none holds up the dashboard.
"""

import re
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount

from core.api import answers, datasets, diagnoses, jobs, runs
from core.api.errors import READS, add_handlers
from core.api.guard import Guard
from core.api.security import WITH_TOKEN
from core.api.store import house
from core.jobs import queue
from core.jobs.version import code_version
from core.settings import get_settings
from core.store import queries

PATH = "/api/v1"
_ABOUT = """Everything the pages and the command line do, by the same functions.

%s Errors are `{"error": {"code", "message"}}`. Lists come in parts: go on with
`offset` = the answer's `next_offset`."""
_OPEN = """Reading is free to whoever reaches the server. What writes needs the server's token, as `Authorization: Bearer …`; a
server without one takes no writes."""
_CLOSED = """People sign in at this server, so everything needs its token, as `Authorization: Bearer …`: reading, too. Who has it acts
for the server: what he makes is nobody's and hence everybody's, and he may change what belongs to others."""


def routes(base: str = "") -> list[BaseRoute]:
    """What the server mounts.

    Args:
        base: the path that the whole server stands under, behind a proxy that keeps it.
    """
    mount = Mount(f"/{base.strip('/')}{PATH}" if base.strip("/") else PATH, app=build())
    mount.path_regex = re.compile(
        mount.path_regex.pattern, re.DOTALL
    )  # an address with a line break is refused here too
    return [mount]


def build() -> FastAPI:
    """The application."""
    closed = get_settings().signs_in
    api = FastAPI(
        title="Unconfound",
        description=_ABOUT % (_CLOSED if closed else _OPEN),
        dependencies=WITH_TOKEN if closed else None,
        version="1",
        docs_url=None,  # those pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        middleware=[Middleware(Guard)],
    )
    api.add_api_route("/health", health, response_model=answers.Health, responses=READS, tags=["server"])
    parts = [part.router for part in (datasets, runs, diagnoses, jobs)]
    for part in parts:
        api.include_router(part)
    add_handlers(api, [*api.routes, *(route for part in parts for route in part.routes)])
    return api


def health() -> dict[str, Any]:
    """Whether the server and its store can be used, and which code answers."""
    store, settings = house()
    since = queue.paused_since(store)
    return {
        "status": "ok",
        "version": code_version(),
        "counts": queries.counts(store),
        "workers": [{"id": one.id, "device": one.device} for one in queries.live_workers(store)],
        "paused_since": since.isoformat() if since else None,
        "writing": settings.api_token is not None,
    }
