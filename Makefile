# `make help` lists every target that has a `##` comment.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
IMAGE   ?= sealos-notify
BINARY  ?= sealos-notify

# The trace exporter depends on gRPC. The tag leaves out gRPC's page of recent requests, which takes 1 MB of memory.
TAGS    := grpcnotrace
LDFLAGS := -s -w -X main.version=$(VERSION)
LINT    := go tool -modfile=internal/tools/go.mod golangci-lint
# Node's programs, by npm: the linters of openapi.yaml, TypeScript, Standard Webhooks' library.
NODE    := internal/tools/node
NODEBIN := $(CURDIR)/$(NODE)/node_modules/.bin
# As the program is released. With one setting everywhere nothing is compiled twice.
export CGO_ENABLED := 0
# Runs a command beside a private PostgreSQL server, or on the one of TEST_DATABASE_URL.
WITH_PG := go run ./internal/test/testdb/cmd/withpostgres --

.PHONY: help
help: ## Show what make can do
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the binary ./sealos-notify
	go build -tags $(TAGS) -trimpath -ldflags '$(LDFLAGS)' -o $(BINARY) .

PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: platforms
platforms: ## Build for every platform that the documentation names
	@for platform in $(PLATFORMS); do echo $$platform; \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} go build -tags $(TAGS) -o /dev/null . || exit 1; done

.PHONY: run
run: ## Run the service with config.yaml
	go run . -c config.yaml

.PHONY: dev
dev: ## Try the service (needs only Go)
	@echo "Building. The first time Go downloads what it needs and builds for some minutes."
	go run . dev

.PHONY: deps
deps: ## Install the programs that the tests need (Debian's apt-get, as root or with sudo)
	@sh internal/test/deps/deps.sh $(filter deps,$(MAKECMDGOALS))
	@$(MAKE) -s $(NODE)/node_modules/.package-lock.json

# npm writes the file. The packages' own install scripts do not run: two of them report or advertise.
$(NODE)/node_modules/.package-lock.json: $(NODE)/package-lock.json
	npm ci --prefix $(NODE) --ignore-scripts --no-audit --no-fund
	@touch $@

# Packages whose tests start many processes, or measure. They run one after the other when all others are done:
# beside each other they overload a small machine.
ALONE := ./deploy ./internal/test/browser ./internal/test/channeltest ./internal/test/siege ./internal/test/smoke ./internal/test/torture
TEST_ALL = all=$$(go list ./...) && alone=$$(go list $(ALONE)) || exit 1; failed=0; \
	$(WITH_PG) go test $(1) $$(echo "$$all" | grep -vxF "$$alone") || failed=1; \
	$(WITH_PG) go test $(1) -p 1 $(ALONE) || failed=1; exit $$failed

.PHONY: test
test: deps ## Run all tests: both engines, real mail servers, a real Kubernetes API, Prometheus' engine
	$(call TEST_ALL,-timeout 40m)
	cd internal/test/k8stest && go test -timeout 10m ./...
	cd internal/test/promtest && go test -timeout 10m ./...

.PHONY: pictures
pictures: deps ## Take the README's pictures anew, of `dev` in a real Chromium
	go test ./internal/test/browser -run '^TestDev$$' -count=1
	cd internal/test/browser/screenshots && cp dev-overview.png dev-card.png dev-dead.png $(CURDIR)/docs/pictures

.PHONY: test-manifests
test-manifests: deps ## Apply deploy/kubernetes and the chart to a real API server (first run: 10 minutes or more, builds Kubernetes)
	$(WITH_PG) go test -tags cluster -count=1 -timeout 60m ./internal/test/clustertest

.PHONY: race
race: export CGO_ENABLED := 1
race: deps ## Run all tests with the race detector
	$(call TEST_ALL,-race -timeout 40m)

.PHONY: torture
torture: deps ## Kill, freeze and cut everything under load, and count lost and double deliveries
	TORTURE=long $(WITH_PG) go test -count=1 -timeout 60m -v ./internal/test/torture

.PHONY: siege
siege: deps ## Attack the service with everything at once for ten minutes, beside ordinary sends
	SIEGE=long $(WITH_PG) go test -count=1 -timeout 30m -v ./internal/test/siege

.PHONY: bench
bench: deps ## Measure the service and River alone, and write results.json
	go run ./internal/test/bench -out internal/test/bench/results.json

.PHONY: bench-check
bench-check: deps ## Measure, and compare with the committed results.json
	go run ./internal/test/bench -against internal/test/bench/results.json

.PHONY: lint
lint: lint-workflows ## Run the linters, which also check the table of allowed imports
	$(LINT) run ./...
	cd client && go tool -modfile=../internal/tools/go.mod golangci-lint run ./...

.PHONY: vulncheck
vulncheck: ## Look for known vulnerabilities in the code that the program calls (asks vuln.go.dev)
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

.PHONY: outdated
outdated: ## Show which direct dependencies and tools are behind, in every module (asks the module proxy)
	@git ls-files '*go.mod' | while read -r file; do cd "$(CURDIR)/$$(dirname $$file)" && \
		go list -e -m -u -f '{{with .Update}}{{$$.Path}} {{$$.Version}} -> {{.Version}}{{end}}' $$( \
			go list -m -f '{{if not (or .Indirect .Main .Replace)}}{{.Path}}{{end}}' all; \
			go list -f '{{if not .Module.Main}}{{.Module.Path}}{{end}}' tool 2>/dev/null); done | grep . | sort -u || true

.PHONY: generate
generate: $(NODE)/node_modules/.package-lock.json ## Regenerate files (OpenAPI, its TypeScript types, configuration reference, the chart's alerts)
	go test ./api -run '^TestOpenAPIIsCommitted$$' -count=1 -update
	$(NODEBIN)/openapi-typescript api/openapi.yaml -o client/typescript/src/openapi.ts
	go test ./config -run '^TestDocumentationIsCurrent$$' -count=1 -update
	cp deploy/prometheus/rules.yaml deploy/helm/sealos-notify/rules.yaml

.PHONY: verify
verify: deps ## Check that generated files and go.mod are current, and openapi.yaml with its linters
	go test ./api -run '^TestOpenAPIIsCommitted$$' -count=1
	cd api && REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true $(NODEBIN)/redocly lint openapi.yaml
	cd api && $(NODEBIN)/spectral lint --fail-severity=hint openapi.yaml
	$(NODEBIN)/openapi-typescript api/openapi.yaml -o client/typescript/src/openapi.ts --check
	go test ./config -run '^TestDocumentationIsCurrent$$' -count=1
	go test ./api/console -run '^TestVendoredFiles$$' -count=1
	go run ./deploy/licenses >/dev/null
	@git ls-files '*go.mod' | while read -r file; do (cd $$(dirname $$file) && echo "tidy $$file" && go mod tidy -diff) || exit 1; done
	go mod verify

.PHONY: typescript
typescript: $(NODE)/node_modules/.package-lock.json ## Make the npm package of the TypeScript client in dist
	$(NODEBIN)/tsc -p client/typescript
	mkdir -p dist
	npm pack ./client/typescript --pack-destination dist

# What a release is made for.
RELEASES ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64

.PHONY: release
release: lint-workflows ## Make the files of a release of VERSION in dist: chart, archives, checksums, bill of materials
	deploy/release.sh $(VERSION) $(RELEASES)

.PHONY: release-dry
release-dry: VERSION := v0.0.0-dry
release-dry: release ## Make the files of a release, of no version

.PHONY: lint-workflows
lint-workflows:
	go tool -modfile=internal/tools/release/go.mod actionlint

.PHONY: docker-build
docker-build: ## Build the image IMAGE:VERSION
	docker build --build-arg VERSION=$(VERSION) -t $(IMAGE):$(VERSION) .

.PHONY: docker-push
docker-push: ## Push the image IMAGE:VERSION
	docker push $(IMAGE):$(VERSION)

.DEFAULT_GOAL := help
