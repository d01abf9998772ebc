# Every target sets up what it needs: a virtual environment with the locked packages, and for tests a Chromium.
PYTHON ?= python3
PORT ?= 7860
BENCH ?=
SIZES ?= 1000 10000 100000
OUT ?= bench-quality.json
WITHOUT ?=
LOAD ?=
CRASHES ?= 200
CHAT ?=
EXAMPLES ?= 500
BIN := .venv/bin
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv

.DEFAULT_GOAL := help
.PHONY: help install run test check format fuzz load stress bench bench-quality eval baselines clean screenshots chromium

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|' 2>/dev/null \
	  || grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST)

install: .venv/.installed ## Set up the virtual environment, nothing else

.venv/.installed: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "Python 3.11, 3.12 or 3.13 is needed; this is $$($(PYTHON) --version). Try: make PYTHON=python3.11 …"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@command -v uv >/dev/null || test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet "uv>=0.8"
	@uv=$$(command -v uv || echo $(BIN)/uv); $$uv sync --frozen --inexact --compile-bytecode --quiet
	@touch $@

run: install ## Index the articles and serve the chat on http://127.0.0.1:7860
	@$(BIN)/assistant serve --port $(PORT)

test: install chromium .venv/.model ## Run the tests, in two processes
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

check: install ## Format, lint and types, without changing anything
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: install ## Format the code and mend what the linter can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

fuzz: install ## Send generated requests to every endpoint, at most EXAMPLES=500 for each in each kind of test
	@PYTHONPATH=tests $(BIN)/python tests/fuzz.py $(EXAMPLES)

bench: install ## Measure start, first answer, and each stage of an answer at SIZES="1000 10000 100000" passages
	@$(BIN)/python tests/bench.py $(SIZES)

load: install ## Answers under load: 50 clients, one process beside several [LOAD="--seconds 120 --rounds 6"]
	@$(BIN)/python tests/load.py $(LOAD)

bench-quality: install ## Measure on outside data: BENCH=folder [OUT=file.json] [WITHOUT="scorer titles …"]
	@test -d "$(BENCH)" || { echo "Give the folder with the outside sets: make bench-quality BENCH=folder"; exit 1; }
	@$(BIN)/python -m assistant.evaluation.quality "$(BENCH)" --out "$(OUT)" $(foreach part,$(WITHOUT),--without $(part))

stress: install ## Kill syncs at CRASHES=200 random moments; after each the index must be as built from nothing
	@$(BIN)/pytest tests/test_crash.py -k random_moments --crashes $(CRASHES) -s

eval: install ## Judge the offline answers to tests/story.yaml; fail if worse than the baseline beyond noise
	@$(BIN)/assistant testset check tests/story.yaml --corpus corpus
	@ASSISTANT_CHAT_MODEL=extractive $(BIN)/assistant evaluate tests/story.yaml --corpus corpus \
	  --baseline tests/baselines/extractive.json --fail-if-worse

baselines: install ## Make the committed baselines anew; CHAT=local makes that of the tests' chat model too (half an hour)
	@ASSISTANT_CHAT_MODEL=extractive $(BIN)/assistant evaluate tests/story.yaml --corpus corpus \
	  --save-baseline tests/baselines/extractive.json
	@test "$(CHAT)" != local || $(MAKE) --no-print-directory .venv/.model
	@test "$(CHAT)" != local || $(BIN)/python tests/local_model.py $(BIN)/assistant evaluate tests/story.yaml --corpus corpus \
	  --threads 1 --out .evaluation/chat --save-baseline tests/baselines/chat.json

screenshots: install chromium ## Take the README's pictures into docs/
	@$(BIN)/python -m tests.screenshots docs

# A small chat model for the tests, 200 MB with what runs it.
.venv/.model: .venv/.installed
	@uv=$$(command -v uv || echo $(BIN)/uv); $$uv sync --frozen --inexact --group model --quiet
	@touch $@

chromium: install
	@.ci/chromium

clean: ## Remove what the other targets made
	@rm -rf .venv .assistant .evaluation .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
