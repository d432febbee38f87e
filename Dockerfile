# One image for the service, the worker and the migration. The command chooses one of them.
ARG PYTHON=3.12
# Pins the image of Python, since a tag moves with its updates. "" takes the tag: docs/guides/deployment.md.
ARG DIGEST=@sha256:229a2c5bfa27522db7815ea81f9bed70af17ccb9de9fc7ad142b1877b5830d36

FROM python:${PYTHON}-slim${DIGEST} AS build
# PyTorch for the CPU, from its own index. "" takes the build for NVIDIA GPUs, which makes the image several GB larger.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/gatelab
ENV PATH=/opt/gatelab/bin:$PATH
WORKDIR /build

# For the native engine and the classic cells.
RUN apt-get update && apt-get install --no-install-recommends --yes g++ && rm -rf /var/lib/apt/lists/*

# pip installs only wheels whose hashes are in the locks, whatever an index offers.
COPY locks locks/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --no-deps --only-binary :all: ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} -r locks/torch.txt && \
    if [ -z "$TORCH_INDEX" ]; then pip install --require-hashes --no-deps --only-binary :all: -r locks/cuda.txt; fi
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --no-deps --only-binary :all: -r locks/client.txt -r locks/serve.txt -r locks/server.txt

# The page, built with a Node that the final image does not contain. The examples are built into it.
COPY examples examples/
COPY service service/
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=cache,target=/root/.npm \
    python -m venv /opt/node && \
    /opt/node/bin/pip install --require-hashes --no-deps --only-binary :all: -r locks/page.txt && \
    export PATH=/opt/node/bin:$PATH && cd service/web && npm ci --no-audit --no-fund && npm run build

# The guide, which the service shows at /guide, built in an environment that the final image does not contain, either.
COPY mkdocs.yml CHANGELOG.md CONTRIBUTING.md RELEASING.md SECURITY.md ./
COPY benchmarks/README.md benchmarks/README.md
COPY docs docs/
COPY scripts scripts/
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/docs && \
    /opt/docs/bin/pip install --require-hashes --no-deps --only-binary :all: -r locks/client.txt -r locks/docs.txt && \
    /opt/docs/bin/python -m scripts.handbook.site

COPY pyproject.toml LICENSE README.md hatch_build.py ./
COPY gatelab gatelab/
COPY migrations migrations/
COPY worker worker/
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/backend && \
    /opt/backend/bin/pip install --require-hashes --no-deps --only-binary :all: -r locks/build.txt && \
    /opt/backend/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /opt/wheel . && \
    pip install --no-index --no-deps /opt/wheel/*.whl

FROM python:${PYTHON}-slim${DIGEST}
# Gatelab compiles the code of further cells when a run first needs it, and Triton builds the launchers of its kernels.
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
