#!/usr/bin/env bash
# Hostile input for every format, or for the one that is named, COUNTERSIGN_FUZZ_SECONDS (60) each: guided by which code it reaches
# where cargo-fuzz is installed, else by chance. `make fuzz` calls it.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${COUNTERSIGN_FUZZ_SECONDS:-60}
only=${1:-}

if ! cargo fuzz --version >/dev/null 2>&1; then
  echo "By chance only: cargo-fuzz isn't installed (cargo install --locked cargo-fuzz)."
  COUNTERSIGN_FUZZ_SECONDS=$seconds exec cargo test --locked -p server --test fuzz -- --nocapture ${only:+--exact "$only"}
fi

for seeds in fuzz/seeds/*/; do
  target=$(basename "$seeds")
  [ -z "$only" ] || [ "$only" = "$target" ] || continue
  mkdir -p "fuzz/corpus/$target"
  # Its compiler flags are unstable ones, which the pinned compiler takes when it is told to. No sanitizer: nothing here is unsafe.
  RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "$seeds" -- \
    -max_total_time="$seconds" -max_len=65536 -timeout=10 -print_final_stats=1
done
