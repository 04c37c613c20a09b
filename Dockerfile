# The image of every container of a compiled pipeline (`tfx-lm compile --runner kubeflow`), and of `tfx-lm` itself. `make image`
# builds it (deploy/build-image), or, with Docker 23 or later, which has BuildKit:
#
#     docker build -t registry.example.com/tfx-lm:0.1.0 .
#     docker build -t registry.example.com/tfx-lm:0.1.0-cuda --build-arg BASE=nvidia/cuda:12.6.3-cudnn-runtime-ubuntu24.04 .
#
# BASE must be an Ubuntu 24.04 or a Debian 13: Python 3.12 or 3.13, and the glibc 2.39 that TFX 1.21 needs.
ARG BASE=ubuntu:24.04

# Of this stage, the image gets /opt/tfx-lm alone.
FROM ${BASE} AS build
# g++: two of TFX's dependencies are built from source. No versions: the distribution removes one when the next comes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils ca-certificates g++ python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PROJECT_ENVIRONMENT=/opt/tfx-lm UV_PYTHON_DOWNLOADS=never
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /src
# The dependencies first: they change less often than the code, and take minutes.
COPY pyproject.toml setup.py uv.lock README.md __init__.py ./
# The secret: the certificates of a proxy between this machine and the package index, if there is one.
# What no container uses is removed: TensorFlow's headers, symbols for debuggers and libclang, and the packages' folders of tests.
# hadolint ignore=DL3003
RUN --mount=type=secret,id=certificates \
    if [ -s /run/secrets/certificates ]; then cp /run/secrets/certificates "$SSL_CERT_FILE"; fi \
    && python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir uv==0.13.9 \
    && /opt/uv/bin/uv sync --locked --python /usr/bin/python3 --extra kubeflow --extra serve --no-install-project \
    && cd /opt/tfx-lm/lib/python3.*/site-packages \
    && strip --strip-unneeded tensorflow/libtensorflow_*.so.2 \
    && rm -rf tensorflow/include pyarrow/include clang \
    && find . -type d \( -name tests -o -name testdata \) -prune -exec rm -rf {} +
# .dockerignore lists the code.
COPY . ./
RUN /opt/uv/bin/uv sync --locked --python /usr/bin/python3 --extra kubeflow --extra serve --no-editable

FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/apt /var/log/dpkg.log \
    && useradd --uid 10001 --create-home tfx-lm
COPY --from=build /opt/tfx-lm /opt/tfx-lm
ENV PATH=/opt/tfx-lm/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /home/tfx-lm
ENTRYPOINT ["tfx-lm"]
CMD ["--help"]
