# One image for all processes: `docker run IMAGE celery -A workers.app worker …`, as the Procfile has them. docs/deployment.md
# Pin it further by digest: --build-arg PYTHON=python:3.11.13-slim-bookworm@sha256:…
ARG PYTHON=python:3.11.13-slim-bookworm

FROM ${PYTHON} AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
# The version of uv.lock, by which everything else is pinned, with hashes.
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
# First what seldom changes.
COPY pyproject.toml uv.lock README.md ./
# "" leaves out Microsoft's ODBC driver, whose licence is Microsoft's.
ARG EXTRAS="--extra sqlserver"
# hadolint ignore=SC2086
RUN uv sync --frozen --no-dev --no-install-project ${EXTRAS}
COPY . .
# hadolint ignore=SC2086
RUN uv sync --frozen --no-dev ${EXTRAS}

FROM ${PYTHON}
# For SQL Server: unixODBC, and what Microsoft's driver loads. Debian keeps one version of each, the patched one.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends unixodbc libltdl7 libgssapi-krb5-2 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin billing
WORKDIR /app
# Owned by root: the service cannot change its own code.
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 BILLING_HOST=0.0.0.0
USER 10001
EXPOSE 8000
# Of the web process; others run with --no-healthcheck, their heartbeats are in `billing status`.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ.get(\"PORT\", 8000)}/livez', timeout=2)"]
CMD ["python", "-m", "ingest"]
