# The only entry point. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VOTERS ?= 300
GROUP ?= Ed25519
BALLOTS ?= 300
RELEASES ?= 40
VERIFICATIONS ?= 20
READS ?= 40
FACES ?= 5000
CREDENTIALS ?= 5000
SECONDS ?= 60
RATE ?= 50
ENTRIES ?= 50000
SUBMITS ?= 50
PROFILE ?= constant
AGAIN ?= 0.033
WORKERS ?= 1
PHONE ?= 0
FACE ?= 0
TIME ?= full
DAYS ?= +1day +400days +10years 2028-02-29
ZONES ?= Asia/Tokyo America/Los_Angeles
export UV_PYTHON_DOWNLOADS := never
RUN := .tools/bin/uv run --frozen --no-sync
# Four processes take file by file: half of the time a test waits for other programs. Each process starts its own Kafka, PostgreSQL
# and pcscd. In the order of pyproject.toml: whole platforms first, so that no process is left alone with a long one at the end.
PYTEST := $(RUN) pytest -q -n 4 --dist loadfile --no-loadscope-reorder
INSTALLED := .tools/installed
SERVICES := evote-auth evote-biometric evote-ballot evote-ledger-anchor evote-tally
CLIENTS := evote-cli evote-verify evote-card-agent evote-witness evote-backup

.PHONY: help install audit demo load load-goals up status restart down test test-faults test-fabric test-other-days lint web-lint web-test structure format events openapi claims metrics model bench-web bench-front bench-board screens bench-verify bench-anchor bench-card bench-cast bench-idle bench-keys bench-face bench-face-counting bench-face-http eval-face eval-copies bench-fabric bench-gas bench-log bench-images bench-monitor bench-proofs contracts isolation chart chart-tools chart-values images images-check

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

WEB := web/shared/api/generated/.made

$(INSTALLED): deploy/local/install.sh deploy/local/package-lock.json web/package-lock.json uv.lock pyproject.toml $(wildcard */*/pyproject.toml */pyproject.toml libs/belenios-core/Cargo.* libs/belenios-core/src/* libs/belenios-core/.cargo/*) services/biometric/evote_biometric/engine/weights.py
	@deploy/local/install.sh && touch $@

install: $(INSTALLED) ## Install what is missing (Debian packages, uv, locked Python packages)

# Not part of `make test`, which puts core and reference side by side: it compiles another program. No nightly compiler.
.PHONY: test-core fuzz-core
test-core: $(INSTALLED) ## The compiled core without Python, and changed texts at its parser: make test-core [SECONDS=60]
	@cd libs/belenios-core && FUZZ_SECONDS=$(SECONDS) CARGO_TARGET_DIR=../../.cache/belenios-core cargo test --release --locked --quiet

# Each round draws other examples, in CI as well, and prints what draws a failing one again (`fuzz` in conftest.py). A round is
# run to its end.
fuzz-core: $(INSTALLED) ## Changed ballots, archives and records at core and reference, round after round: make fuzz-core [SECONDS=60]
	@end=$$(($$(date +%s) + $(SECONDS))); round=0; while [ $$(date +%s) -lt $$end ]; do round=$$((round + 1)); \
	  FUZZ_TIMES=4 $(RUN) pytest -q -n 0 --timeout=600 -k say_the_same --hypothesis-profile=fuzz libs/belenios/tests/test_native.py || exit; \
	  echo "round $$round: 1,200 ballots, 100 archives and 1,600 times up to three records held against the reference"; done

# Of crates.io, by the locks it brings: ten minutes of one processor, once. `make audit` asks it about advisories as well.
.PHONY: crates
.tools/cargo-deny/bin/cargo-deny:
	@command -v cargo >/dev/null || { echo "make crates builds cargo-deny: install Rust 1.88 or newer" >&2; exit 1; }
	@nice cargo install --quiet --locked --root .tools/cargo-deny cargo-deny@0.20.2

crates: .tools/cargo-deny/bin/cargo-deny ## Build cargo-deny into .tools, and hold the core's crates to libs/belenios-core/deny.toml: licences, versions, registries
	@cd libs/belenios-core && ../../.tools/cargo-deny/bin/cargo-deny --locked check --hide-inclusion-graph licenses bans sources

# Not part of `make test`: it needs sources that are not always in reach, and changes its answer while nothing here changes.
audit: $(INSTALLED) ## Ask what is known against the locked packages: status 1 something, 2 something got no answer (docs/runbooks/supply.md)
	@PATH="$(CURDIR)/.tools/cargo-deny/bin:$$PATH" $(RUN) python -m evote_local.audit

demo: $(INSTALLED) ## Hold a whole mock referendum: make demo [VOTERS=300] [GROUP=Ed25519|BELENIOS-2048]
	@exec $(RUN) evote-local demo --voters $(VOTERS) --group $(GROUP)

# load-out/ gets the report; a ballot that is acknowledged and not counted as it was meant is status 1.
load: $(INSTALLED) ## A crowd votes at a fresh stack or a deployment: make load [PROFILE=constant VOTERS=300 SECONDS=60 AGAIN=0.033 BEFOREHAND=1 PHONE=0.3 FACE=0.1 FAULTS="kafka@20+10 ballot-2@40"] [TARGET=folder] [WORKERS=1] [BASELINE=figures.json] [STRICT=1]
	@$(if $(filter-out 0,$(FACE)),$(RUN) python -m benchmarks.poses .cache/poses)
	@exec $(RUN) $(if $(TARGET),evote-load --target $(TARGET) --out load-out,evote-local load --voters $(VOTERS) --group $(GROUP) --phone $(PHONE) --face $(FACE) --faults '$(FAULTS)' --out load-out --) \
	  --profile $(PROFILE) --seconds $(SECONDS) --again $(AGAIN) --workers $(WORKERS) $(if $(BEFOREHAND),--beforehand) $(if $(BASELINE),--baseline $(BASELINE)) $(if $(STRICT),--strict)

# A quiet machine of two cores is meant. TIME=short tries it out in a minute and says nothing of the goals.
load-goals: $(INSTALLED) ## The goals of idle, release, cast, overload and memory, held against one run: make load-goals [TIME=short, or flood: 400 ballots a second] [BASELINE=figures.json] [STRICT=1]
	@exec $(RUN) python -m benchmarks.bench_goals --time $(TIME) --out load-out -- --workers $(WORKERS) $(if $(BASELINE),--baseline $(BASELINE)) $(if $(STRICT),--strict)

up: $(INSTALLED) ## Start everything with an open referendum and keep it running: make up [PHOTO=you.jpg] (your face, to vote by code)
	@exec $(RUN) evote-local up --voters $(VOTERS) --group $(GROUP) $(if $(PHOTO),--photo $(PHOTO))

status: $(INSTALLED) ## Show how the services are that `make up` started
	@exec $(RUN) evote-local status

restart: $(INSTALLED) ## Start a service again that `make up` started: make restart SERVICE=auth
	@exec $(RUN) evote-local restart $(SERVICE)

down: $(INSTALLED) ## Stop what `make up` started
	@exec $(RUN) evote-local down

# Each stops, breaks or replaces parts of a platform of its own, and waits for what it does about that.
FAULT_TESTS := tests/chaos tests/e2e/test_two_releases.py

# Helm and its like first: on a fresh machine their compiler is what all else waits for.
test: $(INSTALLED) ## Lint, isolated imports, the web front, the rendered chart, unit, contract, integration and end-to-end tests
	@$(MAKE) --no-print-directory --output-sync --jobs 2 chart-tools lint isolation web-lint web-test
	@$(PYTEST) $(addprefix --ignore ,$(FAULT_TESTS))

test-faults: $(INSTALLED) ## Parts of a running platform fail, lie and are replaced by the next release
	@$(PYTEST) $(FAULT_TESTS)

# Without FABRIC_BIN, or the programs on the path, only the stand-in's tests run; pytest says what it skipped and why.
test-fabric: $(INSTALLED) ## Anchors on a real Fabric network: make test-fabric FABRIC_BIN=(the bin folder of a Fabric 3 release)
	@FABRIC_BIN=$(FABRIC_BIN) $(RUN) pytest -q contracts/fabric libs/anchors/tests/fabric tests/integration/test_fabric.py

# Unit and contract tests. Left out are those that need another program (stack, pcsc, fabric), for what it costs to run them
# six times: their own clock is moved through the services' Clock. Slow ones are the same rules with more examples, or the
# face models; and the two libraries know no clock, which `make lint` holds them to. test_tracing.py skips itself: libfaketime
# doesn't carry a thread's waiting with a limit.
OTHER_DAY := $(PYTEST) -m "not stack and not pcsc and not fabric and not slow" --ignore libs/belenios --ignore libs/tlog

test-other-days: $(INSTALLED) ## Unit and contract tests on other days and in other time zones: make test-other-days [DAYS=+400days ZONES=]
	@set -e; for day in $(DAYS); do faketime "$$day" date; faketime "$$day" $(OTHER_DAY); done
	@set -e; for zone in $(ZONES); do TZ=$$zone date; TZ=$$zone $(OTHER_DAY); done

lint: $(INSTALLED) ## ruff, mypy --strict, import-linter, rustfmt
	@$(RUN) ruff format --check --quiet .
	@$(RUN) ruff check --quiet .
	@$(RUN) mypy $(wildcard libs/*/evote_* services/*/evote_* clients/*/evote_* contracts/*/evote_* deploy/local/evote_local deploy/helm/evote_chart deploy/images/evote_images deploy/cluster/evote_cluster loadtests/evote_loadtests benchmarks)
	@$(RUN) lint-imports
	@if command -v rustfmt >/dev/null; then cd libs/belenios-core && cargo fmt --check; \
	  else echo "There is no rustfmt (Debian: rustfmt-web): the core's format is not checked."; fi

# The clients' types, from the services' documents. Nobody edits or commits them.
$(WEB): $(INSTALLED) web/redocly.yaml web/package-lock.json $(wildcard docs/openapi/*.json)
	@npm run --prefix web --silent generate >/dev/null 2>&1 || npm run --prefix web generate
	@touch $@

web-lint: $(WEB) ## The web front: oxlint, licences of what is installed, TypeScript strict
	@npm run --prefix web --silent lint
	@npm run --prefix web --silent typecheck

web-test: $(WEB) ## The web front's own tests (what it and Python agree on: libs/belenios/tests/test_browser_ballots.py)
	@npm run --prefix web --silent test

structure: $(INSTALLED) ## Files, arrows, floors, lengths of functions, copies: make structure [TREE=another checkout]
	@$(RUN) python -m benchmarks.structure $(if $(TREE),--tree $(TREE))

format: $(INSTALLED) ## Format the code
	@$(RUN) ruff format . && $(RUN) ruff check --fix .

isolation: $(INSTALLED) ## Import each deployable, and the load tests, from an environment with only its declared dependencies and no other service
	@set -e; trap 'rm -rf "$$environment"' EXIT; for package in $(SERVICES) $(CLIENTS) evote-anchor-chaincode evote-loadtests; do \
	  environment=$$(mktemp -d); \
	  UV_PROJECT_ENVIRONMENT=$$environment .tools/bin/uv sync --package $$package --no-dev --frozen --quiet; \
	  module=$${package//-/_}; (cd / && $$environment/bin/python -c "import $$module.main") ; \
	  for service in $(SERVICES); do \
	    if [ $$service != $$package ] && (cd / && $$environment/bin/python -c "import $${service//-/_}" 2>/dev/null); then \
	      echo "$$package brings $$service with it" >&2; exit 1; fi; done; \
	  rm -rf $$environment; echo "$$package imports from its own environment"; done

events: $(INSTALLED) ## Regenerate the event schemas in docs/events and docs/kafka-acls.json
	@$(RUN) python -m evote_eventlog.schemas docs/events
	@$(RUN) python -m evote_eventlog.access docs/kafka-acls.json

chart-tools: $(INSTALLED) ## Build Helm, helm-unittest and kubeconform, and fetch schemas, into .tools/chart (minutes, once for a machine)
	@deploy/helm/tools.sh

chart: chart-tools ## Render the chart for each profile, and hold it to schemas, settings, arrows and its own refusals
	@$(RUN) pytest -q tests/contract/test_chart.py deploy/helm/tests

images: $(INSTALLED) ## Build images without a registry, their contents and digests, into .cache/images: make images [PARTS="auth ballot"] [REGISTRY=registry.example.jp/evote] [KEY=(PEM that signs their provenance)]
	@command -v mmdebstrap >/dev/null || { echo "Install mmdebstrap (apt-get install mmdebstrap), then repeat." >&2; exit 1; }
	@$(RUN) python -m evote_images.build $(if $(REGISTRY),--registry $(REGISTRY)) $(if $(KEY),--key $(KEY)) $(PARTS)

images-check: $(INSTALLED) ## Run what `make images` built, as nobody on a root that nobody writes (takes root): make images-check [PARTS=ballot] [TWICE=1, to build each again and compare]
	@$(RUN) python -m evote_images.check $(if $(TWICE),--twice) $(PARTS)

.PHONY: cosign
# Of the Go module proxy, pinned by go.sum; minutes of one processor. Tests try it where it is.
.tools/cosign: deploy/images/cosign/go.mod deploy/images/cosign/go.sum
	@command -v go >/dev/null || { echo "make cosign builds cosign: install Go 1.26 or newer" >&2; exit 1; }
	@cd deploy/images/cosign && CGO_ENABLED=0 nice go build -p 1 -trimpath -buildvcs=false -ldflags='-s -w' -o $(CURDIR)/.tools/ tool

cosign: $(INSTALLED) .tools/cosign ## Build cosign into .tools, and let it verify what `make images KEY=` signs
	@$(RUN) pytest -q -n 0 deploy/images/tests/test_provenance.py

# Takes root. The programs of Kubernetes are built once into the user's cache (15 minutes of one processor); from then on it is up in seconds.
.PHONY: cluster cluster-down test-cluster
NODES ?= 1
cluster: $(INSTALLED) ## A real Kubernetes on this machine, without a container engine: make cluster [NODES=2] (docs/runbooks/kubernetes.md)
	@$(RUN) python -m evote_cluster.main up --nodes $(NODES)

cluster-down: $(INSTALLED) ## Take away the cluster that `make cluster` started: processes, mounts, interfaces, cgroups, what it wrote to the machine's own folders
	@$(RUN) python -m evote_cluster.main down

# What a cluster runs is built of the sources as they are; biometric with FACE= alone, it takes a gigabyte of weights.
test-cluster: $(INSTALLED) ## The chart on two nodes, and a referendum through the edge while replicas, a node and releases change; with CNPG=1 on three, while PostgreSQL's primary, its machine, all instances at once and then their volumes are lost; with FACE=2 so many come by voting code and face: make test-cluster [VOTERS=300] [FACE=2] [CNPG=1]
	@$(RUN) python -m evote_cluster.main prepare
	@$(if $(filter-out 0,$(FACE)),$(RUN) python -m benchmarks.poses .cache/poses)
	@$(RUN) python -m evote_images.build auth $(if $(filter-out 0,$(FACE)),biometric) ballot ledger-anchor tally resident board city
	@$(RUN) python -m evote_cluster.main test --voters $(VOTERS) --face $(FACE) $(if $(CNPG),--cloudnativepg)

chart-values: $(INSTALLED) ## Write the chart's schema, docs/helm-values.md and what its templates read of the code
	@$(RUN) python -m evote_chart.generate

claims: $(INSTALLED) ## Write docs/claims.md from docs/claims.toml
	@$(RUN) python tests/contract/claims.py

metrics: $(INSTALLED) ## Write docs/metrics.md from the code
	@$(RUN) python tests/contract/metrics.py

.PHONY: alerts
# Sloth comes from the Go module proxy, pinned by go.sum; a first build takes minutes, so the rules are committed.
.tools/sloth: deploy/monitoring/sloth/go.mod deploy/monitoring/sloth/go.sum
	@command -v go >/dev/null || { echo "make alerts builds Sloth: install Go 1.26 or newer" >&2; exit 1; }
	@cd deploy/monitoring/sloth && CGO_ENABLED=0 go build -trimpath -o $(CURDIR)/$@ github.com/slok/sloth/cmd/sloth

alerts: $(INSTALLED) .tools/sloth ## Write the SLOs' rules from deploy/monitoring/slos.yml, and try every alert
	@$(RUN) python tests/contract/slo_rules.py
	@$(RUN) pytest -q tests/contract/test_alerts.py tests/contract/test_watched.py

.PHONY: collector collector-check
# The Go module proxy again, pinned by go.sum: a minute. `make test` tries it where it is.
.tools/evote-collector: $(addprefix deploy/monitoring/collector/,go.mod go.sum main.go allowed/allowed.go)
	@command -v go >/dev/null || { echo "make collector builds an OpenTelemetry Collector: install Go 1.26 or newer" >&2; exit 1; }
	@cd deploy/monitoring/collector && CGO_ENABLED=0 go build -p 2 -trimpath -buildvcs=false -ldflags='-s -w' -o $(CURDIR)/$@ .

collector: .tools/evote-collector ## Build the OpenTelemetry Collector of deploy/monitoring into .tools

collector-check: $(INSTALLED) .tools/evote-collector ## Run it with the configuration that is shipped, and compare what arrives behind it (docs/adr/0050-collector.md)
	@$(RUN) pytest -q -n 0 tests/contract/test_traced.py tests/integration/test_collector.py

.PHONY: drill
drill: $(INSTALLED) ## Lose parts of a platform while people vote, and print what the operator sees: make drill [SCENES="database chain"] (docs/runbooks/incidents.md)
	@DRILL_SCENES='$(SCENES)' $(RUN) pytest -q -s -n 0 tests/chaos/drill.py $(if $(SCENES),,tests/chaos/restore_drill.py)

.PHONY: dashboards
dashboards: $(INSTALLED) ## Write Grafana's dashboards, deploy/monitoring/dashboards, from boards.py
	@$(RUN) python deploy/monitoring/boards.py deploy/monitoring/dashboards

model: $(INSTALLED) ## Check the model of a ballot's way with SPIN: every state, and every guard taken out (docs/model.md)
	@$(RUN) python model/check.py

openapi: $(INSTALLED) ## Regenerate the services' OpenAPI documents in docs/openapi
	@set -e; for service in $(SERVICES); do \
	  document=docs/openapi/$${service#evote-}.json; $(RUN) $$service openapi >$$document.new; mv $$document.new $$document; done

contracts: $(INSTALLED) ## Compile the Ethereum contract into what evote_anchors ships
	@$(RUN) python contracts/ethereum/compile.py

.PHONY: bench performance
bench: $(INSTALLED) ## What became slower than this version's first kept run, as ratios to a reference of the same run: make bench [STRICT=1]
	@$(RUN) python -m benchmarks.bench $(if $(STRICT),--strict)

performance: $(INSTALLED) ## Write docs/performance.md from the runs in benchmarks/runs: make performance [KEEP=load-out/figures.json, or what demo and bench-… wrote] [SLOWER="why a slower bench is kept"] [GONE="why it measures a work no more"]
	@$(RUN) python -m benchmarks.performance $(if $(KEEP),--keep $(KEEP)) $(if $(SLOWER),--slower '$(SLOWER)') $(if $(GONE),--gone '$(GONE)')

bench-web: $(INSTALLED) ## How long a browser's engine takes for the ballot of 2022, both groups
	@$(RUN) python -m benchmarks.bench_web

bench-front: $(INSTALLED) ## A vote on the residents' page in Chromium: taps, seconds, first view, encryption
	@$(RUN) python -m benchmarks.bench_front

bench-board: $(INSTALLED) ## What a reader of the public pages costs the services: make bench-board [SECONDS=60]
	@$(RUN) python -m benchmarks.bench_board --seconds $(SECONDS)

screens: $(INSTALLED) ## Write each page and state of the voting page, the public pages and the wall into docs/screens
	@$(RUN) python -m benchmarks.screens docs/screens

bench-verify: $(INSTALLED) ## Ballots per second beside belenios-tool and sirona: make bench-verify [GROUP=Ed25519|BELENIOS-2048] [BALLOTS=300] [BELENIOS_TOOL=program]
	@$(RUN) python -m benchmarks.bench_verify --group $(GROUP) --ballots $(BALLOTS) $(if $(BELENIOS_TOOL),--belenios-tool $(BELENIOS_TOOL))

.PHONY: bench-verify-growth belenios-tool
bench-verify-growth: SIZES := 10000 100000
bench-verify-growth: $(INSTALLED) ## Archives of growing size; a million ballots take 6 GB and ten minutes: make bench-verify-growth [SIZES="10000 100000"]
	@$(RUN) python -m benchmarks.bench_verify --grow $(SIZES)

belenios-tool: ## Debian 13's belenios-tool, which knows Ed25519, beside this machine's: .cache/belenios-tool/belenios-tool
	@benchmarks/belenios-tool.sh .cache/belenios-tool

bench-anchor: $(INSTALLED) ## From a ballot's record to its checkpoint, witnesses and chain: make bench-anchor [SECONDS=60] [FABRIC_BIN=folder]
	@$(RUN) python -m benchmarks.bench_anchor --seconds $(SECONDS) $(if $(FABRIC_BIN),--fabric)

bench-card: $(INSTALLED) ## From the card in the reader to the credential, and where the time goes: make bench-card [RELEASES=40]
	@$(RUN) python -m benchmarks.bench_card_path --releases $(RELEASES)

bench-cast: $(INSTALLED) ## What a ballot takes of a processor, by process, beside another checkout that is installed, in the same seconds: make bench-cast [BESIDE=folder]
	@$(RUN) python -m benchmarks.bench_cast $(if $(BESIDE),--beside $(BESIDE))

bench-idle: RELEASES := 200
bench-idle: $(INSTALLED) ## Processor time by program: of a core while nobody comes, and for a release: make bench-idle [SECONDS=60] [RELEASES=200]
	@$(RUN) python -m benchmarks.bench_idle --seconds $(SECONDS) --releases $(RELEASES)

bench-keys: $(INSTALLED) ## Credentials a second from a key in a token and in a file: make bench-keys [CREDENTIALS=5000]
	@$(RUN) python -m benchmarks.bench_credential_keys --credentials $(CREDENTIALS)

bench-gas: $(INSTALLED) ## What anchors cost on Ethereum: make bench-gas [RATE=50, ballots a second]
	@$(RUN) python -m benchmarks.bench_ethereum_gas --rate $(RATE)

eval-face: $(INSTALLED) ## Error rates of face verification into docs/biometrics.md: make eval-face [DATA=a folder for each person]
	@$(RUN) python -m benchmarks.eval_face $(if $(DATA),--data $(DATA))

eval-copies: $(INSTALLED) ## How copies of frames are told from new ones, into docs/biometrics/copies.md
	@$(RUN) python -m benchmarks.eval_copies

bench-face-counting: $(INSTALLED) ## How long the counting of error rates takes, without reading faces: make bench-face-counting [FACES=5000]
	@$(RUN) python -m benchmarks.bench_face_counting --faces $(FACES)

bench-face: $(INSTALLED) ## Latency, throughput, memory and start of the face models: make bench-face [READS=40]
	@$(RUN) python -m benchmarks.bench_face --reads $(READS)

bench-face-http: $(INSTALLED) ## Face verification over HTTP, at one and at two workers: make bench-face-http [VERIFICATIONS=20]
	@$(RUN) python -m benchmarks.bench_face_http --verifications $(VERIFICATIONS)

bench-log: $(INSTALLED) ## Entries per second into the log, part by part, and cast to checkpoint: make bench-log [ENTRIES=50000]
	@$(RUN) python -m benchmarks.bench_log --entries $(ENTRIES)

bench-images: $(INSTALLED) ## Size and start of each image that `make images` built (takes root): make bench-images
	@$(RUN) python -m benchmarks.bench_images

bench-monitor: ENTRIES := 2500
bench-monitor: ENTRIES_EACH := 5
bench-monitor: $(INSTALLED) ## Time, waiting and memory of the monitor's passes: make bench-monitor [ENTRIES=2500] [ENTRIES_EACH=5]
	@$(RUN) python -m benchmarks.bench_monitor --entries $(ENTRIES) --entries-each $(ENTRIES_EACH)

bench-proofs: SIZES := 10000 100000 1000000
bench-proofs: $(INSTALLED) ## Size and time of proofs, endpoints and takeover as the log grows: make bench-proofs [SIZES="10000 100000 1000000"]
	@$(RUN) python -m benchmarks.bench_proofs --sizes $(SIZES)

bench-fabric: $(INSTALLED) ## Time until an anchor is on Fabric: make bench-fabric FABRIC_BIN=(as for test-fabric) [SUBMITS=50]
	@FABRIC_BIN=$(FABRIC_BIN) $(RUN) python -m benchmarks.bench_fabric_anchor --submits $(SUBMITS)
