# Everything here makes its own environment first: a fresh machine needs Python 3.11+ and nothing else.
PYTHON ?= python3
RESTOCK := .venv/bin/restock
STAMP := .venv/.installed

.PHONY: install run test lint types security sbom fuzz lock verify-image bench bench-ids sim sim-exhaustive mutants chaos insights soak drill drill-file dashboard-speed pictures contract deploy check-deploy upgrade clean

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Restock needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

run: install  ## the whole main job on the bundled sample: embedded AWS, forecaster, worker
	$(RESTOCK) local --until-done --report report

test: install  ## two processes side by side; TEST_JOBS=0 for one, ARGS="tests/domain -k sales" for a part
	.venv/bin/python -m pytest --numprocesses $(or $(TEST_JOBS),2) --dist loadfile $(ARGS)

lint: install
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: install
	.venv/bin/mypy

lock:  ## resolve anew; needs uv (pip install uv)
	uv pip compile pyproject.toml --extra test --extra build --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet -o requirements.lock
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet -c requirements.lock -o requirements-worker.lock
	uv pip compile pyproject.toml --extra forecaster --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet -c requirements.lock -o requirements-forecaster.lock

verify-image:  ## lint, build and run both images hardened; needs docker, or root on Debian
	deploy/verify-image.sh

bench: install  ## ours beside its peers in one run: docs/performance.md; ARGS="--groups engine,growth --runs 5"
	.venv/bin/python -m bench $(ARGS)

bench-ids: install  ## how event ids are kept: docs/decisions/0001-event-ids.md; ARGS="--json PATH"
	.venv/bin/python -m bench.event_ids $(ARGS)

fuzz: install  ## every decoder against bytes that nobody would send: make fuzz SECONDS=600 ARGS="body csv_file" (Linux, x86-64)
	PYTHONPATH=tests .venv/bin/python -m fuzz --seconds $(or $(SECONDS),60) $(ARGS)

security: install  ## bandit over everything that runs in production
	.venv/bin/bandit --quiet --recursive --configfile pyproject.toml domain handlers worker forecaster deploy

sbom: install  ## what each image contains, from its lock, as CycloneDX: dist/*.cdx.json; docs/release.md
	mkdir -p dist
	for image in worker forecaster; do \
	  .venv/bin/cyclonedx-py requirements requirements-$$image.lock --pyproject pyproject.toml --output-reproducible \
	    --sv 1.6 --of JSON -o dist/$$image.cdx.json || exit 1; \
	done

sim: install  ## the worker in an in-memory AWS under faults, in virtual time: make sim SEEDS=2000 FROM=0
	PYTHONPATH=tests .venv/bin/python -m simulation --seeds $(or $(SEEDS),200) --from $(or $(FROM),0) $(ARGS)

sim-exhaustive: install  ## a crash and a stop before every step of a small scenario, every fate for every call
	PYTHONPATH=tests .venv/bin/python -m simulation --exhaustive $(ARGS)

mutants: install  ## planted bugs, one at a time, and which layer catches each
	PYTHONPATH=tests .venv/bin/python -m mutants $(ARGS)

chaos: install  ## kill real workers and break their network for a minute, then compare exactly; ARGS="--seed 7"
	PYTHONPATH=tests .venv/bin/python -m chaos $(ARGS)

drill: install  ## a bad deploy spoils 3 % of 100,000 sales; the commands of docs/recovery.md bring them back
	PYTHONPATH=tests .venv/bin/python -m drill $(ARGS)

drill-file: install  ## a whole file of sales is counted, rebuilt under kill -9 while sales go on, and compared: make drill-file SALES=path
	PYTHONPATH=tests .venv/bin/python -m drill.whole_file $(SALES) $(ARGS)

insights: install  ## the orders of the whole sample with Bedrock on, off, slow, lying …, file beside file; ARGS="--products 50"
	PYTHONPATH=tests .venv/bin/python -m hostile $(ARGS)

soak: install  ## a million events through one worker: does its memory stay flat? ARGS="--events 200000"
	.venv/bin/python -m bench.soak $(ARGS)

dashboard-speed: install  ## the live page with 100,000 products in a real Chromium, and what open pages cost: docs/dashboard.md
	PYTHONPATH=tests .venv/bin/python -m browser.speed $(ARGS)

pictures: install  ## the pictures of the docs, of a real local run in a real Chromium: docs/pictures
	.venv/bin/python docs/pictures/make.py $(ARGS)

contract: install  ## each port's contract: make contract TARGET=dynamodb-local (embedded, simulated, aws)
	.venv/bin/python -m pytest tests/contract --target $(or $(TARGET),embedded) $(ARGS)

deploy: install  ## make or change the stacks of a profile: make deploy PROFILE=small SET="Image=… Subnets=…"; docs/deploy.md
	.venv/bin/python -m deploy up $(or $(PROFILE),small) $(foreach each,$(SET),--set $(each)) $(ARGS)

check-deploy: install  ## templates, policies and workflows: cfn-lint, our own rules, checkov, zizmor
	.venv/bin/cfn-lint deploy/templates/*.yaml
	.venv/bin/python -m deploy check
	.venv/bin/zizmor --offline --quiet .github/workflows
	@test -x .bench/checkov/bin/checkov || { $(PYTHON) -m venv .bench/checkov && .bench/checkov/bin/python -m pip install --quiet --disable-pip-version-check checkov==3.3.30; }
	.bench/checkov/bin/checkov --config-file deploy/checkov.yaml --directory deploy/templates

upgrade: install  ## two versions of the worker side by side on one queue, through a rolling deployment with kills; ARGS="--sales 50000"
	PYTHONPATH=tests:tests/deploy .venv/bin/python -m upgrade $(ARGS)

clean:
	rm -rf .venv .bench build dist report .restock
