# On a machine with Python and make: `make quickstart` runs a first board, `make test` runs the tests.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

export OMP_NUM_THREADS := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: setup browser clusters sandbox quickstart test lint format shipped boards clean

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# For the tests of the HTML page; any Chromium or Chrome on the path will do.
BROWSER := $(firstword $(foreach name,chromium chromium-browser google-chrome,$(shell command -v $(name))))

browser:
ifeq ($(BROWSER),)
	@test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { echo "No Chromium here: install it with your package manager, e.g. sudo apt-get install chromium." >&2; exit 1; }
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends chromium >/dev/null
endif

# For the tests on a real SLURM; those on Ray need what pip installs.
clusters:
ifneq ($(words $(foreach name,slurmctld slurmd sbatch munged,$(shell command -v $(name)))),4)
	@test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { echo "No SLURM here: install it with your package manager, e.g. sudo apt-get install slurm-wlm munge." >&2; exit 1; }
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends slurm-wlm munge >/dev/null
endif

# For the processes of plug-ins that are not shipped, and for the tests of what they may not do.
sandbox:
ifeq ($(shell command -v bwrap),)
	@test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { echo "No bubblewrap here: install it with your package manager, e.g. sudo apt-get install bubblewrap." >&2; exit 1; }
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends bubblewrap >/dev/null
endif

quickstart: setup
	$(BIN)/collapsebench run --method real_mix --boards mine

test: setup
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest --numprocesses 2

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/collapsebench leaderboard --check

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The list of plug-ins that this version ships, which run in the harness's own process.
shipped: setup
	$(BIN)/python -c "from collapsebench.core.shipped import write_list; write_list()"

boards: setup
	$(BIN)/collapsebench leaderboard
	$(BIN)/python benchmarks/readme.py

clean:
	rm -rf $(VENV) .collapsebench build dist .pytest_cache .mypy_cache .ruff_cache
