#!/usr/bin/env bash
# A PostgreSQL of the tests' own: a new cluster in a temporary folder, reached by a socket in that folder, so that no port
# is taken and no other database is touched. It is not for data: nothing is synced to the disk.
#
#   postgres.sh start [folder]    starts it, unless it runs, and prints its URL for COUNTERSIGN_TEST_POSTGRES
#   postgres.sh stop  [folder]    stops it and removes the folder
#
# PostgreSQL refuses to run as root: then it runs as the user `postgres`, which Debian's package makes.
# Exit status 3: PostgreSQL isn't installed, or there is nobody to run it as.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(printf '%s' "$here" | cksum | cut -d ' ' -f 1)
command=${1:-}
folder=${2:-${TMPDIR:-/tmp}/countersign-postgres-$checkout-$(id -u)}
marker=$folder/made-by-countersign-tests

say() { printf '%s\n' "$*" >&2; }

# The newest one that is installed; Debian keeps it off the PATH.
find_binaries() {
    local candidate
    for candidate in $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin 2>/dev/null | sort -rV) \
        "$(pg_config --bindir 2>/dev/null || true)" "$(dirname "$(command -v initdb 2>/dev/null || echo /nowhere/initdb)")"; do
        if [ -x "$candidate/initdb" ] && [ -x "$candidate/pg_ctl" ]; then
            printf '%s' "$candidate"
            return
        fi
    done
    say "PostgreSQL isn't installed, so its half of the tests can't run. On Debian: sudo apt-get install postgresql"
    exit 3
}

# Runs a command as whoever the cluster belongs to, in a folder that they may enter.
as_owner() {
    if [ "$(id -u)" -ne 0 ]; then
        (cd / && "$@")
    elif command -v runuser >/dev/null; then
        (cd / && runuser -u postgres -- "$@")
    else
        (cd / && su postgres -s /bin/sh -c "$(printf '%q ' "$@")")
    fi
}

is_running() { [ -f "$marker" ] && as_owner "$binaries/pg_ctl" -D "$folder/data" status >/dev/null 2>&1; }

remove() {
    if [ -e "$folder" ] && [ ! -f "$marker" ]; then
        say "$folder wasn't made by this script: it is left alone. Give another folder."
        exit 1
    fi
    rm -rf "$folder"
}

start() {
    if is_running; then
        print_url
        return
    fi
    # What an earlier run left behind without stopping it.
    remove
    mkdir -p "$folder"
    chmod 700 "$folder"
    touch "$marker"
    [ "$(id -u)" -ne 0 ] || chown -R postgres "$folder"
    if ! as_owner "$binaries/initdb" -A trust -U countersign -E UTF8 --locale=C --no-sync -D "$folder/data" >"$folder/log" 2>&1; then
        say "PostgreSQL's cluster can't be made:"
        cat "$folder/log" >&2
        exit 1
    fi
    cat >>"$folder/data/postgresql.conf" <<SETTINGS
listen_addresses = ''
unix_socket_directories = '$folder'
port = 5432
max_connections = 400
shared_buffers = 64MB
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
SETTINGS
    if ! as_owner "$binaries/pg_ctl" -D "$folder/data" -l "$folder/data/server.log" -w -t 60 start >"$folder/log" 2>&1; then
        say "PostgreSQL doesn't start:"
        cat "$folder/log" "$folder/data/server.log" >&2 || true
        exit 1
    fi
    print_url
}

print_url() { printf 'postgres://countersign@localhost/postgres?host=%s\n' "$folder"; }

stop() {
    if is_running; then
        as_owner "$binaries/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null
    fi
    remove
}

case $command in
start | stop)
    # The socket's path may have 107 bytes.
    if [ ${#folder} -gt 80 ]; then
        say "The folder's name is too long for a socket: $folder"
        exit 1
    fi
    binaries=$(find_binaries)
    if [ "$(id -u)" -eq 0 ] && ! id postgres >/dev/null 2>&1; then
        say "PostgreSQL doesn't run as root, and there is no user postgres to run it as. Run the tests as another user."
        exit 3
    fi
    "$command"
    ;;
*)
    say "Usage: $0 start|stop [folder]"
    exit 2
    ;;
esac
