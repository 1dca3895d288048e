# The web page and the DICOM gateway: one image for both, without a server of the backbones. Build from
# the root of the project:
#   docker build --file deploy/docker/apps.Dockerfile --tag allclient-apps .
FROM node:22.20.0-bookworm-slim AS scripts
WORKDIR /web
COPY client/allclient/web/package.json client/allclient/web/package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM python:3.12.12-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY client client
COPY model_repository model_repository
COPY --from=scripts /web/node_modules client/allclient/web/node_modules
RUN python -m venv /opt/allclient \
    && /opt/allclient/bin/python -m pip install --no-cache-dir '.[pacs,report,watch,web]'

FROM python:3.12.12-slim-bookworm
# What WeasyPrint draws the text of reports with.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        fonts-dejavu-core libharfbuzz-subset0 libpango-1.0-0 libpangoft2-1.0-0 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/allclient /opt/allclient
ENV PATH=/opt/allclient/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
# A new volume takes the owner of the folder it is mounted on.
RUN install --directory --owner=1000 --group=1000 /data
USER 1000:1000
EXPOSE 8080 9108 11112
ENTRYPOINT ["allclient"]
CMD ["web", "--host", "0.0.0.0", "--port", "8080"]
