#!/bin/sh
# Fails on what shellcheck finds in the scripts of the repository.
set -eu
grep -rlE '^#! */(usr/)?bin/(env )?(sh|bash|bats)' .ci tests |
    xargs shellcheck -x -P SCRIPTDIR
