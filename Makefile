# Everything a person does here: `make demo`, `make test`. Each does the set-up it needs; a second run is quick.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ROOMS := api apiserver cluster controllers csi images ingress kubelet kubeproxy podling scheduler
IMAGES := /var/lib/podling/images

# Errors only: a package index's warnings help nobody here.
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --root-user-action ignore

export PYTHON

.DELETE_ON_ERROR:
.PHONY: help setup system images demo test unit integration e2e chaos check bench proto clean

help:
	@echo "make demo   set up, start a cluster of three nodes and show it at work"
	@echo "make test   set up and run every test (also: unit, integration, e2e, chaos)"
	@echo "make setup  virtual environment, Debian packages, gRPC stubs, images"
	@echo "make check  formatting, lint, types, layers"
	@echo "make bench  every benchmark beside its yardstick"

setup: system $(VENV)/.installed $(VENV)/.stubs $(VENV)/.compiled images

system:
	@tools/install-debian-packages

$(VENV)/.installed: pyproject.toml requirements.txt | system
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing Python packages into $(VENV): a minute or two, once"
	@$(PIP) --requirement requirements.txt
	@$(PIP) --no-deps --no-build-isolation --editable . --config-settings editable_mode=compat
	@touch $@

$(VENV)/.stubs: $(wildcard proto/*.proto) tools/generate_protos.py $(VENV)/.installed
	@echo "generating gRPC stubs"
	@$(BIN)/python tools/generate_protos.py
	@touch $@

# Components start twice as fast from byte code.
$(VENV)/.compiled: $(VENV)/.stubs $(shell find $(ROOMS) -name '*.py' 2>/dev/null)
	@echo "compiling to byte code"
	@$(BIN)/python -m compileall -q -o 0 -o 2 $(ROOMS) $(VENV)/lib || true
	@touch $@

images: $(VENV)/.compiled
	@$(BIN)/python -m images.bootstrap --root $(IMAGES)

proto: $(VENV)/.stubs

demo: setup
	@$(BIN)/python -m podling.demo

test: setup
	@$(BIN)/python -m pytest tests

unit integration e2e chaos: setup
	@$(BIN)/python -m pytest tests/$@

check: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(ROOMS)
	@$(BIN)/lint-imports

bench: setup
	@$(BIN)/python -m bench

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .hypothesis
