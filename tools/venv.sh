#!/bin/sh
# Makes the virtual environment $1 with $PYTHON, or else with the first Python >= 3.11 on the
# PATH, and says what to install when there is none.
set -eu
target=$1
wanted='import sys; sys.exit(sys.version_info < (3, 11))'

found=
for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
  if command -v "$python" >/dev/null 2>&1 && "$python" -c "$wanted" 2>/dev/null; then
    found=$python
    break
  fi
done
if [ -z "$found" ]; then
  echo "Python 3.11 or later is wanted and ${PYTHON:-python3} is not." >&2
  echo "Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python" >&2
  echo "An interpreter elsewhere: make PYTHON=/path/to/python3.13 ..." >&2
  exit 1
fi
if ! "$found" -c 'import venv, ensurepip' 2>/dev/null; then
  version=$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  echo "$found cannot make virtual environments; apt-get install python3-venv" >&2
  echo "(for a Python that is not the system's own: apt-get install python$version-venv)" >&2
  exit 1
fi
exec "$found" -m venv "$target"
