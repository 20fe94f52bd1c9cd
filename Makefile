# Each target sets itself up: `make demo` or `make test` on a fresh clone is enough.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# One thread a worker: small tensors gain nothing from more, and workers would fight for the cores.
THREADS := 1
PYTEST = OMP_NUM_THREADS=$(THREADS) $(BIN)/python -m pytest -q --numprocesses auto --maxprocesses 4

.PHONY: setup demo test test-older test-all lint bench gpu mutants gallery docs wheel clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev,report]"
	touch $(STAMP)

demo: setup
	$(BIN)/rainbownet demo --json demo.json --plot demo.png

test: setup
	$(PYTEST)

# As an older processor computes, and in another order: no result may hang on a last bit.
test-older: export ATEN_CPU_CAPABILITY := default
test-older: export MKL_ENABLE_INSTRUCTIONS := SSE4_2
test-older: THREADS := 2
test-older: setup
	$(PYTEST)

test-all: setup
	$(PYTEST) -m "slow or not slow"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

bench: setup
	$(BIN)/python benchmarks/lockstep.py
	$(BIN)/python benchmarks/tutorial.py
	$(BIN)/python benchmarks/resnet20.py
	$(BIN)/python benchmarks/projection_resnet.py
	$(BIN)/python benchmarks/path.py

# What needs a GPU, nine minutes at a time: called again, it goes on.
gpu: setup
	$(BIN)/python benchmarks/gpu.py run

mutants: setup
	OMP_NUM_THREADS=1 $(BIN)/python tools/mutants.py

# Runs the scripts of the tutorial and the gallery whose code has changed, and stores what their pages show.
gallery: setup
	OMP_NUM_THREADS=1 $(BIN)/python docs/extensions/pages.py

docs: setup
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# As a stranger gets it: built, checked, installed where nothing else is, used and type-checked.
wheel: setup
	$(BIN)/python tools/wheel.py

clean:
	rm -rf .venv site demo.json demo.png
