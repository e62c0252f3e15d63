#!/usr/bin/env bash
# How many bytes a browser loads: every file that the server sends, raw and as brotli, then the sum for the first load of
# /login (its page aside) and for all of them. The aims: 150 kB and 260 kB of brotli.
set -eu
cd "$(dirname "$0")/../target/site"

brotli_size() { # of a file: of its precompressed sibling, or (fonts, which are compressed already) of itself
  if [ -f "$1.br" ]; then stat -c %s "$1.br"; else stat -c %s "$1"; fi
}

printf '%10s %10s  %s\n' raw brotli file
all=0
login=0
while IFS= read -r file; do
  raw=$(stat -c %s "$file")
  brotli=$(brotli_size "$file")
  printf '%10d %10d  %s\n' "$raw" "$brotli" "${file#./}"
  all=$((all + brotli))
  case $file in
    *mono* | *-latin*) ;; # fetched only where a code, or a letter beyond the basic ones, is shown
    ./pkg/*.js | ./pkg/*.wasm | ./pkg/*.css | ./fonts/*.woff2 | ./*.svg) login=$((login + brotli)) ;;
  esac
done < <(find . -type f ! -name '*.br' ! -name '*.gz' ! -name '*.txt' ! -name '*.d.*' | sort)
printf '%10s %10d  first load of /login\n' '' "$login"
printf '%10s %10d  everything\n' '' "$all"
