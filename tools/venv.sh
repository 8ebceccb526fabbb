#!/bin/sh
# Makes the virtual environment $1 with $PYTHON, or else with the first Python >= 3.11 that can,
# and says what to install when there is none.
#
# The system's own comes first: distributions build it with profile-guided optimisation, which
# makes it a quarter faster than one that was built without, as version managers do.
set -eu
target=$1
wanted='import sys; sys.exit(sys.version_info < (3, 11))'

recent=
for python in ${PYTHON:-/usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11}; do
  command -v "$python" >/dev/null 2>&1 && "$python" -c "$wanted" 2>/dev/null || continue
  if "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    exec "$python" -m venv "$target"
  fi
  recent=${recent:-$python}
done
if [ -z "$recent" ]; then
  echo "Python 3.11 or later is wanted and ${PYTHON:-python3} is not." >&2
  echo "Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python" >&2
  echo "An interpreter elsewhere: make PYTHON=/path/to/python3.13 ..." >&2
  exit 1
fi
version=$("$recent" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
echo "$recent cannot make virtual environments; apt-get install python3-venv" >&2
echo "(for a Python that is not the system's own: apt-get install python$version-venv)" >&2
exit 1
