"""The image of the Dockerfile: what is in it, and the pipeline with every command in a container of it.

`make test-image` builds the image and runs this.
"""

import json
import re

import pytest
import yaml
from helpers.complete_versions import complete_versions
from helpers.container_image import make_writable
from helpers.local_run import CONFIG, made_up_corpus
from tfx_lm.components.evaluator.results import summarize_evaluation

pytestmark = [pytest.mark.slow, pytest.mark.image]

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----")


def test_it_runs_as_its_own_user_in_its_own_folder(image):
    identity, folder, writable = image.run("sh", "-c", "id -u; pwd; touch here && echo yes").split()
    assert (identity, folder, writable) == ("10001", "/home/tfx-lm", "yes")
    assert image.run("tfx-lm", "--version").startswith("tfx-lm, version ")


def test_its_packages_fit_each_other(image):
    assert image.run("python", "-m", "pip", "check") == "No broken requirements found.\n"


def test_it_has_neither_compilers_nor_caches_nor_tests(image):
    compilers = "gcc g++ cc c++ clang ld as make uv"
    assert image.run("sh", "-c", f"for name in {compilers}; do command -v $name; done; true") == ""
    # Those that exist; the image's user cannot look into /root.
    folders = "/opt /home /src /var/cache/apt /var/lib/apt/lists /tmp /run/secrets"
    unwanted = "-name tests -o -name testdata -o -name .cache -o -name '*.deb' -o -name '*_Packages'"
    find = f"for folder in {folders}; do [ ! -d $folder ] || find $folder"
    assert "/tfx-lm-beam-worker\n" in image.run("sh", "-c", f"{find} -name tfx-lm-beam-worker; done")
    assert image.run("sh", "-c", f"{find} \\( {unwanted} \\); done") == ""


def test_nothing_of_this_machine_is_in_it(image):
    """Neither its proxies nor the certificates that it trusts beyond those of the distribution."""
    variables = {line.partition("=")[0] for line in image.run("env").splitlines()}
    assert variables <= {"PATH", "HOME", "HOSTNAME", "PWD", "PYTHONUNBUFFERED", "TERM", "container"}
    assert "proxy" not in image.configuration().lower()
    trusted = CERTIFICATE.findall(image.run("cat", "/etc/ssl/certs/ca-certificates.crt"))
    of_the_distribution = image.run("sh", "-c", "cat /usr/share/ca-certificates/mozilla/*.crt")
    assert len(trusted) > 100
    assert set(trusted) <= set(CERTIFICATE.findall(of_the_distribution))


def test_it_is_small(image):
    """Without TensorFlow's headers and symbols, and all packages' tests; 3.5 GB with them."""
    megabytes, _ = image.run("du", "-sm", "/opt/tfx-lm").split()
    assert int(megabytes) < 2700


@pytest.fixture(scope="module")
def run(image, image_cluster):
    """A run of the pipeline that the image has compiled."""
    bucket = image_cluster.bucket
    for name in ("corpus", "compiled"):
        make_writable(bucket / name)
    (bucket / "corpus" / "animals.txt").write_text(made_up_corpus(), encoding="utf-8", newline="")
    config = yaml.safe_load(CONFIG)
    kubeflow = {"image": "registry.example.com/tfx-lm:0.1.0", "pipeline_root": "gs://bucket/small", "cache": True}
    (bucket / "small.yaml").write_text(yaml.safe_dump({**config, "kubeflow": kubeflow}))
    image.run(
        "tfx-lm", "compile", "--runner", "kubeflow", "--config", bucket / "small.yaml",
        "--set", "data.files=gs://bucket/corpus/*.txt", "--output", bucket / "compiled" / "small.yaml",
        folders=(bucket,),
    )  # fmt: skip
    return image_cluster.run(bucket / "compiled" / "small.yaml")


def test_every_container_runs_in_it(run, image, image_cluster):
    bucket = image_cluster.bucket
    assert set(run.logs) >= {"CheckParameters", "TextExampleGen", "Transform", "Trainer", "Evaluator", "Pusher"}
    (version,) = complete_versions(f"{bucket}/small/serving")
    (bucket / "line.txt").write_text("The old cat sees a dog\n")
    printed = image.run("tfx-lm", "score", version, bucket / "line.txt", folders=(bucket,))
    line, _ = map(json.loads, printed.splitlines())
    assert line["tokens"] == 7
    assert 1 < line["perplexity"] < 1000


def test_the_perplexity_is_that_of_a_local_run_in_it(run, image, image_cluster):
    bucket = image_cluster.bucket
    make_writable(bucket / "local")
    image.run(
        "tfx-lm", "run", "--config", bucket / "small.yaml", "--data", bucket / "corpus" / "animals.txt",
        "--output", bucket / "local" / "output", folders=(bucket,),
    )  # fmt: skip
    there = json.loads((bucket / "local" / "output" / "summary.json").read_text())
    here = summarize_evaluation(str(run.uri("Evaluator", "evaluation")))
    assert here["evaluation"]["tokens"] == there["evaluation"]["tokens"]
    assert here["evaluation"]["perplexity"] == pytest.approx(there["evaluation"]["perplexity"], rel=1e-9)
