#!/bin/sh
# Makes .venv and installs the pinned packages of a lock file; silent when they are there already.
# usage: scripts/install.sh requirements.txt|requirements-dev.txt
set -eu
cd "$(dirname "$0")/.."
lock=$1
python=${PYTHON:-python3}
log=.venv/install.log

fail() { echo "smsadmin cannot be installed: $1" >&2; exit 1; }
checksum() { cat requirements.txt "$1" | cksum; }

# The development lock includes the runtime lock, so either stamp will do for running.
for stamped in "$lock" requirements-dev.txt; do
    [ -x .venv/bin/python ] && [ "$(cat ".venv/stamp-$stamped" 2>/dev/null)" = "$(checksum "$stamped")" ] && exit 0
done

command -v "$python" >/dev/null || fail "there is no $python. Install Python 3.11 or newer."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version 2>&1) is too old. Install Python 3.11 or newer, or name it: make run PYTHON=python3.12"
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "$python lacks its venv module (Debian, Ubuntu: apt install python3-venv)."

# Tools bring thousands of modules that nothing ever imports: what is imported compiles itself.
case $lock in requirements-dev.txt) needed=1500 seconds=60 compile=--no-compile ;; *) needed=500 seconds=20 compile=--compile ;; esac
free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
[ "$free" -ge "$needed" ] || fail "only $free MB free on this disk, $needed MB needed."

packages=$(cat requirements.txt "$lock" | grep '==' | grep -v win32 | sort -u | wc -l | tr -d ' ')
echo "Installing $packages packages into .venv, once (about $seconds s) …"
.venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || rm -rf .venv
"$python" -m venv .venv || fail "$python could not create .venv."
if ! .venv/bin/python -m pip install --disable-pip-version-check --no-input "$compile" -r "$lock" >"$log" 2>&1; then
    grep -q 'No space left' "$log" && fail "the disk is full."
    grep -qE 'NewConnectionError|Retrying \(|ConnectTimeout|ProxyError|Name or service not known' "$log" &&
        fail "the package index cannot be reached. Check the network (details: $log)."
    tail -n 5 "$log" >&2
    fail "pip failed (above, and in $log)."
fi
checksum "$lock" >".venv/stamp-$lock"
