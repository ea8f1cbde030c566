"""How the description says that an operation needs the token; `core/api/guard.py` is what checks it."""

from fastapi import Depends
from fastapi.security import HTTPBearer

WITH_TOKEN = [
    Depends(HTTPBearer(scheme_name="token", description="The server's UNCONFOUND_API_TOKEN", auto_error=False))
]
