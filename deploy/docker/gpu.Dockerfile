# Two images of one Triton release: `convert` builds TensorRT plans on the machine that serves
# them, `server` serves them. A plan runs only with the TensorRT that built it, so both take their
# base from TRITON_RELEASE, which has no default here: docker-compose.yml names it once.
ARG TRITON_RELEASE


# Packages for the Python 3.12 of NVIDIA's images, as folders to be copied: no pip is needed there.
FROM python:3.12.12-slim-bookworm AS core
WORKDIR /src
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY client client
RUN python -m pip install --no-cache-dir --target /opt/packages . \
    && python -m pip install --no-cache-dir --no-deps --target /opt/packages \
        imagecodecs==2026.1.14 opencv-python-headless==4.11.0.86 pillow==12.3.0 \
        simplejpeg==1.9.0 tifffile==2026.3.3

FROM python:3.12.12-slim-bookworm AS tools
WORKDIR /src
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY client client
# The package is this checkout, whose pyproject.toml has the ranges.
# hadolint ignore=DL3013
RUN python -m pip install --no-cache-dir --target /opt/packages '.[convert]'

FROM nvcr.io/nvidia/tensorrt:${TRITON_RELEASE}-py3 AS convert
COPY --from=tools /opt/packages /opt/packages
COPY model_repository /opt/allclient/model_repository
COPY training/masters /opt/allclient/training/masters
COPY convert /opt/allclient/convert
COPY toolkit /opt/allclient/toolkit
COPY --chmod=0755 deploy/docker/build-plans.sh /usr/local/bin/build-plans
ENV PYTHONPATH=/opt/packages:/opt/allclient \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
# A new volume takes the owner of the folder it is mounted on.
RUN install --directory --owner=1000 --group=1000 /models /work
WORKDIR /work
USER 1000:1000
ENTRYPOINT []
CMD ["build-plans"]

FROM nvcr.io/nvidia/tritonserver:${TRITON_RELEASE}-py3 AS server
COPY --from=core /opt/packages /opt/packages
COPY --chmod=0755 deploy/docker/serve-gpu.sh /usr/local/bin/serve-gpu
# The Python backend of the image is built for the NumPy that comes with it.
RUN rm -rf /opt/packages/numpy /opt/packages/numpy.libs /opt/packages/numpy-*.dist-info
ENV PYTHONPATH=/opt/packages \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
USER 1000:1000
EXPOSE 8000 8001 8002
HEALTHCHECK --interval=30s --timeout=30s --start-period=300s --retries=3 \
    CMD ["python3", "-m", "allclient", "health", "--infer", "--server", "127.0.0.1:8001"]
CMD ["serve-gpu", \
     "--model-repository=/models", \
     "--model-config-name=gpu", \
     "--disable-auto-complete-config", \
     "--exit-on-error=true"]
