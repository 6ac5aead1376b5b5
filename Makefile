# make demo   places calls to simulated people over real SIP and audio, and explains each
# make test   all tests: fast ones first, then against real servers
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: help demo test setup setup-test setup-bench test-fast lint bench bench-media bench-signalling bench-store bench-detection results chaos fairness clean

help:
	@sed -n 's/^# make /make /p' Makefile

setup:
	@$(PYTHON) tools/bootstrap.py demo

setup-test:
	@$(PYTHON) tools/bootstrap.py test

setup-bench:
	@$(PYTHON) tools/bootstrap.py bench

demo: setup
	@$(BIN)/dialer demo $(ARGS)

test: setup-test
	@$(BIN)/ruff check dialer tests tools
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest tests/unit
	@$(BIN)/python tools/lanes.py tests/contract tests/system

# make test-fast        unit tests alone, seconds
test-fast: setup-test
	@$(BIN)/pytest tests/unit $(ARGS)

# make lint             formatting rules, types, imports between rooms
lint: setup-test
	@$(BIN)/ruff check dialer tests tools
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# make bench            media and signalling at load, store; prints tables
bench: bench-media bench-signalling bench-store

bench-media: setup-test
	@$(BIN)/python tools/bench/media.py $(ARGS)

bench-signalling: setup-test
	@$(BIN)/python tools/bench/signalling.py $(ARGS)

bench-store: setup-test
	@$(BIN)/python tools/bench/store.py $(ARGS)

# make bench-detection  the same audio to Asterisk, spandsp and this detector, side by side
bench-detection: setup-bench
	@$(BIN)/python -m tools.bench_detection $(ARGS)

# make results          every call result and reason provoked by a real call: prints the table, writes docs/results.md
results: setup-test
	@$(BIN)/python -m tools.results

# make fairness         ten thousand random days on the floor: nobody overtaken, nobody starved, no dial without an agent
fairness: setup-test
	@FAIRNESS_RUNS=$(or $(RUNS),10000) $(BIN)/pytest tests/unit/node/test_fairness.py $(ARGS)

# make chaos            10,000 calls with random hang-ups, losses and time-outs on either side; nothing may be left over
chaos: setup-test
	@$(BIN)/python -m tools.chaos $(ARGS)

clean:
	rm -rf .venv build var *.egg-info
