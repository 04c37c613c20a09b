# The image of every container of a compiled pipeline (`tfx-lm compile --runner kubeflow`), and of `tfx-lm` itself.
#
#     docker build -t registry.example.com/tfx-lm:0.1.0 .
#     docker build -t registry.example.com/tfx-lm:0.1.0-cuda --build-arg BASE=nvidia/cuda:12.6.3-cudnn-runtime-ubuntu24.04 .
#
# BASE must be an Ubuntu 24.04 (Python 3.12, and the glibc 2.39 that TFX 1.21 needs).
ARG BASE=ubuntu:24.04

FROM ${BASE} AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# g++: one of TFX's dependencies is built from source. No versions: Ubuntu removes one when the next comes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir uv==0.13.9
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PROJECT_ENVIRONMENT=/opt/tfx-lm UV_PYTHON_DOWNLOADS=never
WORKDIR /src
# The dependencies first: they change less often than the code, and take minutes.
COPY pyproject.toml setup.py uv.lock README.md __init__.py ./
RUN /opt/uv/bin/uv sync --locked --python /usr/bin/python3 --extra kubeflow --extra serve --no-install-project
COPY atomic_file.py errors.py exit_codes.py file_lock.py file_sums.py parent_death.py progress.py public_names.py py.typed remote.py settings.py ./
COPY cli cli
COPY components components
COPY exported exported
COPY model model
COPY pipelines pipelines
COPY server server
COPY text_files text_files
COPY transform transform
RUN /opt/uv/bin/uv sync --locked --python /usr/bin/python3 --extra kubeflow --extra serve --no-editable

FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home tfx-lm
COPY --from=build /opt/tfx-lm /opt/tfx-lm
ENV PATH=/opt/tfx-lm/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /home/tfx-lm
ENTRYPOINT ["tfx-lm"]
CMD ["--help"]
