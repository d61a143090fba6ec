# The service on Debian's Python and ffmpeg, for an NVIDIA GPU or the CPU.
#
#   make image
#   make image TORCH_INDEX=<address>     another build of torch: cpu (no CUDA libraries), cu126 (Pascal and older), ...
#   make image CLUSTER=1                 with Ray Serve as well, for a cluster: docs/scale.md
#
# Without TORCH_INDEX every package is the one of requirements.lock and is checked against the hashes there; its torch
# brings CUDA 12.8, for cards from Volta to Blackwell. The driver comes from the NVIDIA container runtime.

FROM debian:bookworm-slim AS base
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates ffmpeg python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log


# The installer and the two lists of packages; none of it reaches the image.
FROM base AS setup
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv
COPY requirements-setup.lock /setup/
RUN python3 -m venv /setup/venv \
 && /setup/venv/bin/pip install --no-cache-dir --require-hashes -r /setup/requirements-setup.lock
COPY requirements.lock tools/image/torch_packages.py /setup/
RUN mkdir /torch /others \
 && python3 /setup/torch_packages.py locked /setup/requirements.lock > /torch/locked.txt \
 && python3 /setup/torch_packages.py versions /setup/requirements.lock > /torch/versions.txt \
 && python3 /setup/torch_packages.py others /setup/requirements.lock > /others/locked.txt \
 && cp /setup/torch_packages.py /setup/venv/bin/uv /torch \
 && cp /setup/venv/bin/uv /others


FROM base
ENV VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH

# torch and the CUDA libraries: the largest layer, renewed only when their versions or the index change.
# Another index has wheels of the same version with other hashes and other CUDA libraries, so the hashes of the lock
# cannot hold there: the versions are the lock's, the libraries are those that this torch asks for, by exact version.
ARG TORCH_INDEX=
RUN --mount=type=bind,from=setup,source=/torch,target=/mnt \
    /mnt/uv venv --quiet --no-cache --python /usr/bin/python3 /opt/venv \
 && if [ -z "$TORCH_INDEX" ]; then \
      /mnt/uv pip install --no-cache --no-deps --compile-bytecode --require-hashes -r /mnt/locked.txt; \
    else \
      /mnt/uv pip install --no-cache --no-deps --compile-bytecode --index-url "$TORCH_INDEX" -r /mnt/versions.txt \
   && python /mnt/torch_packages.py libraries > /tmp/libraries.txt \
   && /mnt/uv pip install --no-cache --no-deps --index-url "$TORCH_INDEX" -r /tmp/libraries.txt \
   && rm /tmp/libraries.txt; \
    fi

# Everything else. The bytecode is made here because a read-only root cannot keep it later.
RUN --mount=type=bind,from=setup,source=/others,target=/mnt \
    /mnt/uv pip install --no-cache --no-deps --compile-bytecode --require-hashes -r /mnt/locked.txt

# Ray, and nothing of it by default. The lock moves no version of the one above, so what is there already stays.
ARG CLUSTER=
RUN --mount=type=bind,from=setup,source=/others,target=/mnt \
    --mount=type=bind,source=requirements-cluster.lock,target=/cluster.lock \
    if [ -n "$CLUSTER" ]; then \
      /mnt/uv pip install --no-cache --no-deps --compile-bytecode --require-hashes -r /cluster.lock; \
    fi

RUN groupadd --gid 1000 asr \
 && useradd --uid 1000 --gid 1000 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin asr \
 && install --directory --owner 1000 --group 0 --mode 1777 /.cache

# Any uid may run it: /.cache, and with it a new volume, lets everybody write, as /tmp does.
# HOME and USER: libraries that insist on a directory of their own find the one place that is writable and forgotten,
# and need not ask the system for the name of a uid that it does not know.
# CUDA_CACHE_PATH: kernels compiled for a card are kept for the next start.
# TEMP_DIR: uploads wait on the volume, since /tmp may be a tmpfs, that is memory.
ENV CACHE_DIR=/.cache \
    TEMP_DIR=/.cache/uploads \
    CUDA_CACHE_PATH=/.cache/cuda \
    HOME=/tmp \
    USER=asr \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

WORKDIR /srv
COPY --chmod=755 app app
COPY --chmod=755 deploy/ray/haproxy /usr/local/bin/haproxy-for-ray

ARG VERSION=unknown
LABEL org.opencontainers.image.title="whisperx-asr-api" \
      org.opencontainers.image.description="Speech to text with word times and speakers over HTTP" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION"

USER 1000:1000
VOLUME /.cache
EXPOSE 9000

# The start period covers the first download of the models; the first 200 ends it.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30m --retries=3 \
  CMD ["python", "-m", "app.healthcheck", "9000"]

ENTRYPOINT ["python", "-m", "app"]
CMD ["serve", "--host", "0.0.0.0", "--port", "9000"]
