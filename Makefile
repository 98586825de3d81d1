# `make demo` needs Python and nothing else; `make test` sets up a second environment with every extra.
PYTHON ?= python3
RUN := .venv/bin
DEV := .venv-dev/bin

.PHONY: demo test check style lint audit bench chromium clean

demo: .venv/ready
	$(RUN)/attune demo -o demo.html

test: .venv-dev/ready chromium lint
	$(DEV)/python -m pytest

# What one wants after each change: everything but torch, the browser and long builds.
check: style
	$(DEV)/python -m pytest -q -n auto -m "not (slow or browser or torch or gpu or affect)"

style: .venv-dev/ready .layout/attune
	$(DEV)/ruff check .
	$(DEV)/ruff format --check .
	MYPYPATH=.layout $(DEV)/mypy

lint: style
	$(DEV)/bandit --quiet --recursive --configfile pyproject.toml core embedding indexer retrieval training benchmarks api.py cli.py __init__.py __main__.py
	@$(MAKE) --no-print-directory audit || echo "pip-audit: see above; what became known since is no fault of this commit"

# Known vulnerabilities of what is installed; fails where there are any. The service that knows them is not everywhere.
audit: .venv-dev/ready
	@timeout 60 $(DEV)/pip-audit --skip-editable --progress-spinner off --timeout 5 >.audit 2>&1; \
	if grep -q '^Found .* known vulnerabilit' .audit; then cat .audit; exit 1; \
	elif grep -q '^No known vulnerabilities' .audit; then \
		echo "pip-audit: nothing known; $$(grep -c 'could not be audited' .audit) packages could not be looked up"; \
	else echo "pip-audit: not checked: the service that it asks cannot be reached"; fi

# The page's tests drive a browser. Where there is none, they are skipped, and this says what to do.
chromium:
	@if [ -n "$$ATTUNE_CHROMIUM" ] || command -v chromium chromium-browser google-chrome >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium; } \
		|| echo "Chromium could not be installed: the page's tests will be skipped."; \
	else echo "No Chromium: the page's tests will be skipped. Install one (Debian: apt-get install chromium)."; fi

bench: .venv-dev/ready
	$(DEV)/python -m attune.benchmarks.everyday

# mypy finds the package by this link: the root of the repository is `attune`, whatever the folder is called.
.layout/attune:
	mkdir -p .layout
	ln -s .. $@

.venv/ready: pyproject.toml
	"$(PYTHON)" -m venv .venv
	$(RUN)/pip install --quiet --upgrade pip
	$(RUN)/pip install --quiet -e .
	touch $@

# The three of torch are pinned as one set; asked for first, so that nothing else picks another torch.
.venv-dev/ready: pyproject.toml
	"$(PYTHON)" -m venv .venv-dev
	$(DEV)/pip install --quiet --upgrade pip
	$(DEV)/pip install --quiet 'torch==2.9.1' 'torchvision==0.24.1' 'torchaudio==2.9.*'
	$(DEV)/pip install --quiet -e '.[dev]'
	touch $@

clean:
	rm -rf .venv .venv-dev .audit .build .layout *.egg-info demo.html
