# What the scripts in bash share: the command line, packages, a table of results. A script goes to
# the top of the checkout, and then reads this file: `. scripts/lib/checks.sh`.

# tell_help WORD...: prints the head of the script, and ends it, if a word asks for that.
tell_help() {
    local word
    for word; do
        [[ $word = -h || $word = --help ]] || continue
        sed -n '2,${/^#/!q;s/^# \{0,1\}//;p}' "scripts/${0##*/}"
        exit 0
    done
}

# wrong WORDS: ends the script for a word that it does not understand.
wrong() {
    printf '%s: %s; see --help\n' "${0##*/}" "$*" >&2
    exit 2
}

# skip_all REASON: ends a script that this machine cannot run.
skip_all() {
    printf '%s: skipped: %s\n' "${0##*/}" "$*"
    exit 77
}

# packages PACKAGE[=PROGRAM]...: installs those of Debian's that are missing; status 1 if one stays so.
packages() { python3 -B scripts/lib/checks.py packages "$@"; }

# debian SUITE FOLDER [PACKAGES]: a fresh Debian for this machine's processor, from the mirror that
# this machine uses. Wants root, mmdebstrap and debian-archive-keyring. Takes 15 s of a processor.
debian() {
    local mirror keys=/usr/share/keyrings/debian-archive-keyring.gpg
    mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -m 1 '/debian/\?$' || true)
    timeout 1200 mmdebstrap --mode=root --variant=apt ${3:+--include="$3"} "$1" "$2" \
        "deb [signed-by=$keys] ${mirror:-http://deb.debian.org/debian} $1 main"
}

free_port() { python3 -B scripts/lib/checks.py free-port; }

# wait_process PID: the exit status of a child, which is killed if it does not end within 20 seconds.
wait_process() {
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        kill -0 "$1" 2>/dev/null || { wait "$1" && return || return; }
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null || true
    return 1
}

# end_process PID: tells a child to end, and sees to it.
end_process() {
    kill "$1" 2>/dev/null || true
    wait_process "$1" 2>/dev/null || true
}

passed=0 failed=0 skipped=0
pass() { printf 'passed  %s\n' "$*" && passed=$((passed + 1)); }
fail() { printf 'FAILED  %s\n' "$*" && failed=$((failed + 1)); }
skip() { printf 'skipped %s\n' "$*" && skipped=$((skipped + 1)); }

# same NAME GOT WANTED: a row of the table.
same() {
    if [ "$2" = "$3" ]; then
        pass "$1"
    else
        fail "$1"
        printf '  got:    %s\n  wanted: %s\n' "$2" "$3"
    fi
}

# succeeds NAME COMMAND...: a row of the table.
succeeds() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        pass "$name"
    else
        fail "$name"
        tail -n 20 <<<"$output" | sed 's/^/    /'
    fi
}

# finish: the line at the end of the table, and the exit status that it means.
finish() {
    printf '\n%s passed, %s failed' "$passed" "$failed"
    [ "$skipped" = 0 ] || printf ', %s skipped' "$skipped"
    printf '\n'
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
