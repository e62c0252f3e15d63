# Two commands are enough: `make run` and `make test`. Both install what they need: pinned, into folders that git ignores;
# Debian packages only when they may. CONTRIBUTING.md lists the single steps.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Must equal `wasm-bindgen` in Cargo.toml.
WASM_BINDGEN := 0.2.129
CARGO_LEPTOS := 0.3.10
# Debian's wasm-opt is too old; npm's package of this name brings the program.
BINARYEN := 132.0.0
BINARYEN_HASH := sha512-4Usg7yEvwO3FMso3Oov6qkOOHSod1IEv+boKkh77kTljM+eNBouqCTbqWswGzbG+vDNO/b/v2C4gfEh1WgB9Lg==
CARGO_DENY := 0.20.2
CARGO_CYCLONEDX := 0.5.9

TOOLS := $(CURDIR)/.tools
export PATH := $(TOOLS)/bin:$(TOOLS)/node_modules/.bin:$(PATH)

# cargo-leptos brings OpenSSL's source along. Where the system has it, it needn't be compiled.
SYSTEM_OPENSSL := $(shell pkg-config --exists openssl 2>/dev/null && echo OPENSSL_NO_VENDOR=1)
# The tools only have to work, not to be fast: built without optimisation they are there in a fraction of the time.
BUILD_TOOL := CARGO_TARGET_DIR=$(TOOLS)/target CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
	CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_DEBUG=0 $(SYSTEM_OPENSSL) cargo install --locked --root $(TOOLS)

SERVER := target/release/countersign
# Newer than everything it is built from, or it is built again. cargo-leptos alone would optimise and compress every time.
BUILT := target/release/.built
SOURCES := $(shell find .cargo app frontend public server style Cargo.toml Cargo.lock rust-toolchain.toml -type f -not -path 'server/tests/*' -not -path 'server/examples/*' -not -path 'server/benches/*' -not -path 'server/fuzz/*' -not -path 'app/tests/*')

.PHONY: help run build test lint unit fuzz end2end size bench screenshots audit sbom scan clean

help: ## Say what can be made
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

run: build ## Build what changed, then start on http://localhost:3000
	@exec $(SERVER)

build: $(BUILT) ## Build the server and the browser's files, optimised

test: ## Check and test everything, end to end in Chromium included
	@.ci/test

lint: target ## Formatting and clippy, natively and for the browser
	cargo fmt --all --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked -p frontend --target wasm32-unknown-unknown -- -D warnings

unit: ## Rust tests; with PostgreSQL when COUNTERSIGN_TEST_POSTGRES names a database
	cargo test --locked

fuzz: ## Hostile input for a minute a format; ONLY=cose_key for one of them
	@server/fuzz/run.sh $(ONLY)

end2end: build packages ## End-to-end tests in Chromium
	cd end2end && npm run check && npm test

size: build ## Bytes of every file that the server sends
	@end2end/size.sh

bench: build ## Measure the release build against the bars; ONLY="pages memory" for some of it: server/examples/bars/settings.rs
	@cargo run --locked --release --quiet -p server --example bars -- $(ONLY)

screenshots: build packages ## Pictures of every page into end2end/screenshots
	cd end2end && npm run screenshots

audit: $(TOOLS)/cargo-deny-$(CARGO_DENY) ## Licences, bans and sources of what this is built from, and its known vulnerabilities; ONLY=crates without these
	@.ci/audit $(ONLY)

sbom: target $(TOOLS)/cargo-cyclonedx-$(CARGO_CYCLONEDX) ## What server and browser part are made of, as CycloneDX, into target/sbom
	@.ci/sbom

scan: build packages end2end/scan/node_modules/.package-lock.json $(TOOLS)/wapiti/.installed ## Scanners against the running server; docs/scanners.md
	@end2end/scan/run.sh

clean: ## Remove what was built; tools stay
	rm -rf target end2end/node_modules end2end/test-results end2end/screenshots

# --- what the steps need

$(BUILT): $(SOURCES) | tools
	@cargo leptos build --release --precompress
	@touch $@

.PHONY: tools target packages
tools: target $(TOOLS)/wasm-bindgen-$(WASM_BINDGEN) $(TOOLS)/cargo-leptos-$(CARGO_LEPTOS) $(TOOLS)/binaryen-$(BINARYEN)

target:
	@rustup target list --installed | grep -qx wasm32-unknown-unknown || rustup target add wasm32-unknown-unknown

# The files named after a version say that it is installed, so that a new pin installs anew and nothing else does.
$(TOOLS)/wasm-bindgen-$(WASM_BINDGEN):
	@echo "Installing wasm-bindgen $(WASM_BINDGEN), once: about two minutes"
	@$(BUILD_TOOL) --quiet wasm-bindgen-cli --version $(WASM_BINDGEN)
	@touch $@

$(TOOLS)/cargo-leptos-$(CARGO_LEPTOS): $(TOOLS)/wasm-bindgen-$(WASM_BINDGEN)
	@echo "Installing cargo-leptos $(CARGO_LEPTOS), once: about seven minutes"
	@$(BUILD_TOOL) --quiet --features no_downloads cargo-leptos --version $(CARGO_LEPTOS)
	@rm -rf $(TOOLS)/target
	@touch $@

$(TOOLS)/binaryen-$(BINARYEN):
	@echo "Installing wasm-opt (binaryen $(BINARYEN)), once"
	@npm install --silent --no-audit --no-fund --ignore-scripts --prefix $(TOOLS) binaryen@$(BINARYEN)
	@grep -qF '"$(BINARYEN_HASH)"' $(TOOLS)/package-lock.json || { echo "binaryen $(BINARYEN) isn't what it was"; exit 1; }
	@touch $@

$(TOOLS)/cargo-deny-$(CARGO_DENY):
	@echo "Installing cargo-deny $(CARGO_DENY), once: about two minutes"
	@$(BUILD_TOOL) --quiet cargo-deny --version $(CARGO_DENY)
	@rm -rf $(TOOLS)/target
	@touch $@

$(TOOLS)/cargo-cyclonedx-$(CARGO_CYCLONEDX):
	@echo "Installing cargo-cyclonedx $(CARGO_CYCLONEDX), once: about two minutes"
	@$(BUILD_TOOL) --quiet cargo-cyclonedx --version $(CARGO_CYCLONEDX)
	@rm -rf $(TOOLS)/target
	@touch $@

packages: end2end/node_modules/.package-lock.json $(TOOLS)/python/.installed
end2end/node_modules/.package-lock.json: end2end/package-lock.json
	@cd end2end && npm ci --silent --no-audit --no-fund
	@touch $@

# Makes up calls and holds the answers against the API's description (schemathesis).
$(TOOLS)/python/.installed: end2end/requirements.txt
	@python3 -m venv --clear $(TOOLS)/python
	@$(TOOLS)/python/bin/pip install --quiet --disable-pip-version-check --requirement end2end/requirements.txt
	@touch $@

# The scanners of `make scan`, which nothing else pays for.
end2end/scan/node_modules/.package-lock.json: end2end/scan/package-lock.json
	@cd end2end/scan && npm ci --silent --no-audit --no-fund
	@touch $@
$(TOOLS)/wapiti/.installed: end2end/scan/requirements.txt
	@python3 -m venv --clear $(TOOLS)/wapiti
	@$(TOOLS)/wapiti/bin/pip install --quiet --disable-pip-version-check --requirement end2end/scan/requirements.txt
	@touch $@
