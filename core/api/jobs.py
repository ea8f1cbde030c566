"""/jobs and /queue"""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as FromQuery

from core.actions.summaries import job_detail, job_summary
from core.api import answers
from core.api.errors import READS, WRITES
from core.api.questions import Id, JobPage, LogQuery
from core.api.security import WITH_TOKEN
from core.api.store import house, paged
from core.jobs import queue
from core.jobs.launch import ensure_worker
from core.jobs.logs import read_log
from core.store import queries

router = APIRouter(tags=["jobs"], responses=READS)


@router.get("/jobs", response_model=answers.JobPage)
def list_jobs(page: Annotated[JobPage, FromQuery()]) -> dict[str, Any]:
    """Jobs, newest first."""
    store, settings = house()
    run_id = None if page.run is None else queries.get_run(store, page.run).id
    found = queries.list_jobs(store, active=page.active, run_id=run_id, limit=page.limit + 1, offset=page.offset)
    there, following = paged(found, page.limit, page.offset)
    since = queue.paused_since(store)
    return {
        "jobs": [job_summary(one) for one in there],
        "paused_since": since.isoformat() if since else None,
        "hung": {job_id: round(minutes, 1) for job_id, minutes in queue.hung(store, settings.hung_minutes).items()},
        "next_offset": following,
    }


@router.get("/jobs/{job}", response_model=answers.Job)
def get_job(job: Id) -> dict[str, Any]:
    """One job; `result` says what it made once it is done."""
    return job_detail(house().store, job)


@router.get("/jobs/{job}/log", response_model=answers.Log)
def get_log(job: Id, asked: Annotated[LogQuery, FromQuery()]) -> dict[str, Any]:
    """The end of what a job printed."""
    store = house().store
    found = queries.get_job(store, job)
    text, size = read_log(store, found.id, asked.last)
    return {"job": found.id, "log": text, "bytes": size}


@router.post("/jobs/{job}/cancel", response_model=answers.JobStatus, responses=WRITES, dependencies=WITH_TOKEN)
def cancel(job: Id) -> dict[str, Any]:
    """Take a job out of the queue, or ask a running one to stop."""
    return {"job": job, "status": queue.request_cancel(house().store, job)}


@router.post("/jobs/{job}/retry", response_model=answers.JobStatus, responses=WRITES, dependencies=WITH_TOKEN)
def retry(job: Id) -> dict[str, Any]:
    """Queue a failed or cancelled job again; a training goes on from its last checkpoint."""
    store, settings = house()
    queue.retry(store, job)
    ensure_worker(settings)
    return {"job": job, "status": "queued"}


@router.post("/queue/pause", response_model=answers.Paused, responses=WRITES, dependencies=WITH_TOKEN)
def pause() -> dict[str, Any]:
    """Start no more jobs; what runs goes on."""
    queue.pause(house().store, who="the API")
    return {"paused": True}


@router.post("/queue/resume", response_model=answers.Paused, responses=WRITES, dependencies=WITH_TOKEN)
def resume() -> dict[str, Any]:
    """Start jobs again."""
    store, settings = house()
    queue.resume(store)
    ensure_worker(settings)
    return {"paused": False}
