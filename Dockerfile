# Two images: `web` (dashboard, JSON API, command line; no torch) and `worker` (jobs; torch for CUDA or the CPU).
#
#   docker build --target web    -t unconfound-web .
#   docker build --target worker -t unconfound-worker .                      # CUDA
#   docker build --target worker -t unconfound-worker:cpu --build-arg TORCH=cpu .
#
# docs/deploy.md tells the rest; compose.yaml starts both.

# The Python that the tests run on.
ARG PYTHON_TAG=3.11.14-slim-bookworm

# --- what both are made of -------------------------------------------------------------------------------------------

FROM python:${PYTHON_TAG} AS base
# HOME: the little that libraries write beside the store goes to /tmp, so that everything else may be read-only.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    UNCONFOUND_HOME=/data \
    HF_HOME=/hub
# Fixed numbers: whoever mounts a folder of his own can give it to 10001. A new named volume takes them over from here.
RUN groupadd --gid 10001 unconfound \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin unconfound \
    && install -d -o 10001 -g 10001 /data /hub
WORKDIR /app

FROM base AS web-packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements-web.txt ./
RUN python -m venv /opt/venv && pip install --no-cache-dir -r requirements-web.txt
# More packages for both images, such as EXTRAS="s3fs==2026.9.0" for files on S3.
ARG EXTRAS=""
# hadolint ignore=SC2086,DL3013
RUN if [ -n "$EXTRAS" ]; then pip install --no-cache-dir $EXTRAS; fi

FROM web-packages AS worker-packages
COPY requirements.txt ./
COPY tools/install.py ./tools/
# cuda (what the package index has), cpu, or one of PyTorch's own indices, such as cu126 for older drivers.
ARG TORCH=cuda
RUN python tools/install.py --torch "$TORCH" requirements.txt

# Owned by root and not to be written by anybody else, compiled once.
FROM base AS code
COPY app.py ./
COPY .streamlit ./.streamlit
COPY core ./core
COPY pages ./pages
COPY data ./data
COPY deploy ./deploy
RUN chmod -R a+rX,go-w /app && python -m compileall -q --invalidation-mode unchecked-hash /app

# --- the images ------------------------------------------------------------------------------------------------------

FROM base AS worker
COPY --from=worker-packages /opt/venv /opt/venv
COPY --from=code /app /app
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
VOLUME ["/data", "/hub"]
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=20s --start-period=60s --retries=3 CMD ["python", "-m", "deploy.health", "worker"]
CMD ["python", "-m", "core", "worker"]

FROM base AS web
COPY --from=web-packages /opt/venv /opt/venv
COPY --from=code /app /app
# The address is that of the container: what may reach it is decided where its port is published.
ENV STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_PORT=8501 \
    UNCONFOUND_START_WORKER=false
EXPOSE 8501
VOLUME ["/data"]
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["python", "-m", "deploy.health", "web"]
CMD ["streamlit", "run", "app.py"]
