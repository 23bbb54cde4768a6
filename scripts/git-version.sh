#!/bin/sh
# What a build is called: the tag of this checkout, or 0.1.0 with the commit count behind it.
#
#   git-version.sh            the version
#   git-version.sh --release  the part of it that commits do not change, for configure
#   git-version.sh --commit   the commit, empty if it is not known
#   git-version.sh --header   C lines of all that programs/version.h defines
#
# A release tarball carries version and commit in the file .version; it counts more than a repository that the
# tarball happens to be unpacked in.
set -u
top=$(dirname "$0")/..

# Also for root, who installs from the tree of another user.
repo() {
    git -c safe.directory='*' -C "$top" "$@" 2>/dev/null
}

version() {
    if [ -f "$top/.version" ]; then
        sed -n 1p "$top/.version" | tr -d '\n'
    elif tag=$(repo describe --tags --match 'v[0-9]*'); then
        printf '%s' "${tag#v}"
    else
        printf '0.1.0.dev%s' "$(repo rev-list --count HEAD || echo 0)"
    fi
}

release() {
    if [ -f "$top/.version" ]; then
        version
    elif tag=$(repo describe --tags --abbrev=0 --match 'v[0-9]*'); then
        printf '%s' "${tag#v}"
    else
        printf '0.1.0.dev'
    fi
}

commit() {
    if [ -f "$top/.version" ]; then
        sed -n 2p "$top/.version" | tr -d '\n'
    else
        repo rev-parse --short=16 HEAD | tr -d '\n'
    fi
}

case "${1:-}" in
--commit) commit ;;
--release) release ;;
--header)
    printf '/* Made by scripts/git-version.sh. */\n#ifndef PROGRAMS_VERSION_H\n#define PROGRAMS_VERSION_H\n'
    printf '#define CULVERT_VERSION "%s"\n#define CULVERT_COMMIT  "%s"\n#endif\n' "$(version)" "$(commit)"
    ;;
'') version ;;
*)
    echo "git-version.sh: unknown option $1; use --release, --commit or --header" >&2
    exit 2
    ;;
esac
exit 0
