# Two commands do everything: `make reproduce` and `make test`. Each sets up .venv when it is missing or outdated.
SHELL := /bin/bash
.SHELLFLAGS := -eo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready
# JupyterLab asks nobody for news, for a newer version, for extensions
OFFLINE := --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.extension_manager=readonly
TAKEN := $(if $(PARTIAL),--partial) # make reproduce PARTIAL=1, make full PARTIAL=1
PYTEST ?= -m "not long" # all of them: make test PYTEST=
# two processes, a file of tests in each: on two cores half the time, and 3 GB. Threads that wait must not hold a core
TWICE := -n 2 --dist loadfile
export OMP_WAIT_POLICY := PASSIVE

.PHONY: help reproduce full test lab bench lock refresh pythons archive

help: ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements.txt pyproject.toml
	@echo "== Setting up .venv with $(PYTHON) (several GB, some minutes) =="
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit("Python >= 3.11 is needed, this is %d.%d: make PYTHON=/path/to/python3.11 ..." % v[:2] if v < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --editable .
	$(BIN)/jupyter labextension disable --level=sys_prefix "@jupyterlab/apputils-extension:announcements" # it would ask, at every first start
	touch $@

reproduce: $(READY) ## run the notebook chain on the demo data: every figure and table (PARTIAL=1: only with what is here)
	@echo "== Reproducing: notebooks -> figures/, executed copies -> figures/executed/ =="
	$(BIN)/fmiqa reproduce $(TAKEN)

full: $(READY) ## the whole paper: gets datasets and weights, scores, runs the notebooks (make full FULL=--yes; PARTIAL=1: only with what is here)
	@echo "== Reproducing the paper =="
	$(BIN)/fmiqa reproduce --profile full $(TAKEN) $(FULL)

test: $(READY) ## lint, tests but the long ones, and every notebook through nbval
	@echo "== ruff =="
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	echo "== pytest =="
	$(BIN)/pytest $(TWICE) $(PYTEST)
	echo "== nbval =="
	$(BIN)/pytest $(TWICE) --override-ini addopts= --nbval-lax --nbval-current-env notebooks
	$(BIN)/python -m fmiqa_core.figures.settled

lab: $(READY) ## open JupyterLab at the first notebook, with the whole repository in its file browser
	@JUPYTER_PREFER_ENV_PATH=1 JUPYTER_PATH= MPLBACKEND= $(BIN)/jupyter lab $(OFFLINE) --ServerApp.root_dir=. notebooks/00_setup_and_data.ipynb

bench: $(READY) ## time and memory of scoring, also against the authors' way, in bf16 and on a cluster; the statistics
	@export PYTHONPATH=tests/tools
	$(BIN)/python tests/bench/pair.py
	$(BIN)/python tests/bench/commands.py
	$(BIN)/python tests/bench/scoring.py
	$(BIN)/python tests/bench/authors.py 18
	$(BIN)/python tests/bench/precision.py
	$(BIN)/python tests/bench/cluster.py
	$(BIN)/python tests/bench/memory.py
	$(BIN)/python tests/bench/released.py
	$(BIN)/python tests/bench/paper_size.py
	$(BIN)/python tests/bench/gpu.py

pythons: ## install and test, without weights, on every Python >= 3.11 that is found here
	@$(PYTHON) tests/tools/pythons.py

archive: ## one file with all that is committed, and checksums, for a deposit with a DOI: build/fmiqa-*.zip
	@$(PYTHON) tests/tools/archive.py

lock: $(READY) ## resolve pyproject.toml anew into requirements.txt
	@echo "== Locking =="
	$(BIN)/python -m pip install --disable-pip-version-check --quiet uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --extra test --extra lab \
		--no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet --upgrade --output-file requirements.txt

refresh: $(READY) ## run the chain and store the executed notebooks and README's numbers, for a commit
	@$(BIN)/fmiqa reproduce --refresh
	$(BIN)/python -m fmiqa_core.notebook.readme
