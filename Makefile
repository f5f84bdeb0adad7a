# Each target makes .venv when it is missing, installs only when pyproject.toml has changed, and is quick the second time.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
WORKERS ?= 2
BIN := .venv/bin
WORKSPACE ?= workspace

# nbgrader calls alembic by name; two BLAS threads on two workers only get in each other's way.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export OPENBLAS_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1
# The tests start hundreds of processes: each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo lab test test-slow mutants planted bench bench-grading book sync lint clean distclean bubblewrap

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

demo: .venv/.instructor bubblewrap  ## release, grade a sample class, train on real digits (minutes)
	@$(BIN)/python -m tito.demo

lab: .venv/.instructor $(WORKSPACE)/settings.ini  ## JupyterLab in your own workspace, opening on the first module
	@cd $(WORKSPACE) && PYTHONPATH="$$PWD" $(CURDIR)/$(BIN)/jupyter lab $(LAB_OPTIONS) \
		$$(test "$$(id -u)" != 0 || echo --allow-root) --ServerApp.root_dir="$$PWD" \
		--LabApp.default_url=/lab/tree/modules/01_tensor/01_tensor.ipynb

$(WORKSPACE)/settings.ini: | .venv/.instructor
	@$(BIN)/tito new $(WORKSPACE)

test: .venv/.test bubblewrap  ## every test but the slow ones, two at a time (WORKERS=2)
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow" -p tests.sampling --nbval-lax tests solutions

test-slow: .venv/.test bubblewrap  ## the tests marked slow
	$(BIN)/python -m pytest -n $(WORKERS) -m slow -p tests.sampling tests

mutants: .venv/.test bubblewrap  ## mechanical mutants of every solution: killed, survived, equivalent
	$(BIN)/python -m tito.grading.mutants

planted: .venv/.test  ## faults planted in copies of the library: which integration test catches which
	$(BIN)/python -m tests.course.planted_faults

bench: .venv/.test  ## tinytorch beside PyTorch and bare NumPy
	$(BIN)/python -m benchmarks

bench-grading: .venv/.test bubblewrap  ## the grader beside plain nbgrader: time of a class, memory (half an hour)
	$(BIN)/python -m benchmarks.grading

book: .venv/.book  ## the book into _book/, by Quarto, or by pandoc where there is none
	@$(BIN)/python -m tito.book

sync: .venv/.instructor  ## after editing solutions/: library, student notebooks, README and book follow
	$(BIN)/python -m tito.limits
	$(BIN)/tito export --all
	$(BIN)/tito release --all
	$(BIN)/python -m tito.documents

lint: .venv/.test  ## ruff over everything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:  ## remove what demo, book and the tools left; the environment and your work stay
	rm -rf _demo _book .quarto .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean  ## clean, and remove the environment
	rm -rf .venv *.egg-info

# --- the environment: one virtual environment, one stamp for each extra ---

.venv/bin/pip:
	@rm -rf .venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'Python 3.11 or newer is needed and was not found. Where it has another name: make PYTHON=/path/to/python3'; exit 1; }
	@echo 'Making .venv'
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		if $(CAN_APT); then $(APT) python3-venv && $(PYTHON) -m venv .venv; \
		else echo 'On Debian or Ubuntu type: sudo apt-get install python3-venv'; exit 1; fi; }

.venv/.student .venv/.instructor .venv/.test .venv/.book: .venv/.%: pyproject.toml | .venv/bin/pip
	@echo "Installing tinytorch[$*] into .venv"
	@$(BIN)/python -m pip install --progress-bar on -e '.[$*]'
	@if [ $* = test ]; then touch .venv/.student .venv/.instructor; fi
	@touch $@

# --- bubblewrap keeps students' code away from everything else while it is graded ---

CAN_APT := [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null
APT := apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends

bubblewrap:
	@command -v bwrap >/dev/null || if $(CAN_APT); then \
		echo 'Installing bubblewrap, the sandbox in which submissions run'; \
		{ $(APT) bubblewrap >/dev/null && bwrap --version; } || echo 'It did not install: go on by hand with: apt-get install bubblewrap'; \
	elif [ "$$(uname)" = Linux ]; then \
		echo 'bubblewrap, the sandbox for submissions, is missing. On Debian or Ubuntu type: sudo apt-get install bubblewrap'; \
	else \
		echo 'Submissions run unprotected here: their sandbox, bubblewrap, needs Linux.'; \
	fi
