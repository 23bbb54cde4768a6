#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a build says that it is: the commit of the checkout, of every new commit too; in a tarball what the tarball
# was made from, also where it was unpacked inside another repository.
set -u
srcdir=${srcdir:-.}
command -v git >/dev/null || { echo "git is not installed"; exit 77; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/culvert-version.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
failed=0

expect() {
    if [ "$2" != "$3" ]; then
        echo "$1: expected \"$3\", got \"$2\""
        failed=1
    fi
}

commit() {
    git -C "$dir" -c user.name=t -c user.email=t@example.org commit -q --allow-empty -m "$1"
}

show() {
    sh "$dir/scripts/git-version.sh" "$@"
}

mkdir "$dir/scripts" && cp "$srcdir/scripts/git-version.sh" "$dir/scripts/" || exit 1
git -C "$dir" init -q || exit 1
commit one
first=$(git -C "$dir" rev-parse --short=16 HEAD)
expect "commit" "$(show --commit)" "$first"
expect "version" "$(show)" "0.1.0.dev1"
commit two
second=$(git -C "$dir" rev-parse --short=16 HEAD)
expect "commit after another one" "$(show --commit)" "$second"
expect "version after another one" "$(show)" "0.1.0.dev2"
expect "what configure bakes in stays" "$(show --release)" "0.1.0.dev"
expect "header" "$(show --header | grep -c "\"$second\"\|\"0.1.0.dev2\"")" 2
git -C "$dir" tag v2.3.4
expect "version of a tag" "$(show)" "2.3.4"
commit three
expect "release behind a tag" "$(show --release)" "2.3.4"
printf '9.9.9\nabcdef0123456789\n' >"$dir/.version"
expect "tarball's version" "$(show)" "9.9.9"
expect "tarball's commit" "$(show --commit)" "abcdef0123456789"
expect "tarball's release" "$(show --release)" "9.9.9"
show --nonsense 2>/dev/null
expect "status of an unknown option" "$?" 2
exit "$failed"
