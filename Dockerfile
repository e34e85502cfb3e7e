# Restock's two images: `worker` (the last stage, so the default) is the ECS task; `forecaster` is the one image that
# SageMaker trains and serves with. The release passes the base by digest: --build-arg BASE=python:3.12-slim@sha256:...
ARG BASE=python:3.12-slim

# --- the worker's environment --------------------------------------------------------------------------------------
FROM ${BASE} AS build
SHELL ["/bin/sh", "-eux", "-c"]
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /src

# Without pip of its own: the base's pip installs into it from outside.
COPY requirements-worker.lock ./
RUN python -m venv --without-pip /opt/venv; \
    python -m pip --python /opt/venv/bin/python install --no-compile --require-hashes -r requirements-worker.lock

# The project as a wheel. The build backend and what it needs are taken from the full lock, so they are hashed too.
COPY requirements.lock ./
RUN awk '/^[a-z]/ { wanted = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } wanted' \
        requirements.lock > build.lock; \
    python -m venv --without-pip /opt/builder; \
    python -m pip --python /opt/builder/bin/python install --no-compile --require-hashes -r build.lock
COPY pyproject.toml README.md LICENSE ./
COPY domain domain
COPY handlers handlers
COPY forecaster forecaster
COPY worker worker
RUN python -m pip --python /opt/builder/bin/python wheel --no-deps --no-build-isolation --wheel-dir dist .; \
    python -m pip --python /opt/venv/bin/python install --no-compile --no-index --no-deps dist/*.whl

# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*

# What no running process reads: the test suites of numpy and scipy (26 MB), the debug symbols that three wheels bring
# (18 MB; the libraries beside numpy and scipy are patched in a way that strip breaks), and botocore's models of the 400
# services that Restock does not call (24 MB). The last four kept are how botocore itself obtains credentials;
# tests/test_image.py compares the rest with the clients that the worker opens.
ARG AWS_SERVICES="bedrock-runtime cloudwatch dynamodb dynamodbstreams events s3 sagemaker sagemaker-runtime sqs signin sso sso-oidc sts"
RUN find /opt/venv/lib -type d -name tests -prune -exec rm -rf {} +; \
    for wheel in aiohttp httptools uvloop; do \
        find /opt/venv/lib/python3*/site-packages/"${wheel}" -name '*.so' -exec strip --strip-unneeded {} +; \
    done; \
    for model in /opt/venv/lib/python3*/site-packages/botocore/data/*/; do \
        case " ${AWS_SERVICES} " in *" $(basename "${model}") "*) ;; *) rm -r "${model}" ;; esac; \
    done; \
    python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib

# --- the forecaster's: the same, and LightGBM, pandas and Arrow ------------------------------------------------------
FROM build AS build-forecaster
COPY requirements-forecaster.lock ./
RUN python -m pip --python /opt/venv/bin/python install --no-compile --require-hashes -r requirements-forecaster.lock; \
    find /opt/venv/lib -type d \( -name tests -o -path '*/pyarrow/include' \) -prune -exec rm -rf {} +; \
    python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib

# --- what both run on ------------------------------------------------------------------------------------------------
# A read-only root can keep no bytecode, and slim bases bring none: without it a health check costs ten times as much
# and a start three times. It is written here, once, and never compared with its source again.
FROM ${BASE} AS runtime
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1
RUN groupadd --gid 10001 restock \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin restock \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        -x '/(test|tests|idlelib|lib2to3|ensurepip|tkinter|turtledemo|pydoc_data|site-packages)/' \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
STOPSIGNAL SIGTERM

# --- docker run IMAGE train | serve ----------------------------------------------------------------------------------
FROM runtime AS forecaster
# LightGBM's OpenMP. No version: Debian keeps only the newest of a release, so a pinned one stops building.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
COPY --from=build-forecaster /opt/venv /opt/venv
# SageMaker mounts its own folders over these.
RUN install -d -o 10001 -g 10001 /opt/ml /opt/ml/input /opt/ml/model /opt/ml/output
# AWS: "SageMaker AI expects all containers to run with root users" (your-algorithms-inference-code). An image for an
# account where that is so is built with --build-arg FORECASTER_USER=0:0; everywhere else it needs no root.
ARG FORECASTER_USER=10001:10001
USER ${FORECASTER_USER}
EXPOSE 8080
# Beside other containers on one instance, each is told its port (SAGEMAKER_BIND_TO_PORT), if it says that it heeds it.
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true
# No HEALTHCHECK: SageMaker asks /ping itself, and `train` listens to nobody.
ENTRYPOINT ["/opt/venv/bin/restock"]
CMD ["serve"]

# --- docker run IMAGE ------------------------------------------------------------------------------------------------
FROM runtime AS worker
COPY --from=build /opt/venv /opt/venv
USER 10001:10001
# ECS takes the task definition's health command instead of this one: it should run the same. -I skips what a working
# directory or a PYTHON* variable could slip in.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["/opt/venv/bin/python", "-I", "-m", "worker.healthcheck"]
ENTRYPOINT ["/opt/venv/bin/restock"]
CMD ["run"]
