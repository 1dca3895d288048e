# The embedded server on any x86-64 CPU: the same tritonserver, backends and command line as
# `allclient serve` on a workstation. Build from the root of the project:
#   docker build --file deploy/docker/cpu.Dockerfile --tag allclient-cpu .
FROM python:3.12.12-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY client client
COPY model_repository model_repository
RUN python -m venv /opt/allclient \
    && /opt/allclient/bin/python -m pip install --no-cache-dir '.[local]'

FROM python:3.12.12-slim-bookworm
COPY --from=build /opt/allclient /opt/allclient
ENV PATH=/opt/allclient/bin:/usr/local/bin:/usr/bin:/bin \
    ALLCLIENT_MODEL_REPOSITORY=/models \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
USER 1000:1000
EXPOSE 8000 8001 8002
# The start takes some seconds; a health check is a real inference.
HEALTHCHECK --interval=30s --timeout=30s --start-period=120s --retries=3 \
    CMD ["allclient", "health", "--infer", "--server", "127.0.0.1:8001"]
ENTRYPOINT ["allclient"]
CMD ["serve", "--host", "0.0.0.0", "--http-port", "8000", "--metrics-port", "8002"]
