# On a machine with Python and make: `make quickstart` runs a first board, `make test` runs the tests.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

export OMP_NUM_THREADS := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: setup quickstart test lint format boards clean

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

quickstart: setup
	$(BIN)/collapsebench run --method token_edit

test: setup
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest --numprocesses 2

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/collapsebench leaderboard --check

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

boards: setup
	$(BIN)/collapsebench leaderboard

clean:
	rm -rf $(VENV) .collapsebench build dist .pytest_cache .mypy_cache .ruff_cache
