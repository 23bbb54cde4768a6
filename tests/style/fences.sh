#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# fences.sh: calls run downwards only. Reads the #include lines of all sources: a folder includes what
# the table below lets it, and a library's header is known to one folder only.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

# folder: what it may include besides itself, the C library and <culvert/...>
may_include="
include:
common:
data: common
converters: common data
transforms: common data
connectors/postgres: common data
connectors/file: common data
connectors/verifiable: common data
connectors/mock: common data
connectors/heartbeat: common data
worker: common data
rest: common data worker
streams: common
programs: common data converters transforms connectors worker rest streams
"
# header: the folders that may include it
libraries="
librdkafka/rdkafka.h: common/kafka
microhttpd.h: common/http
curl/curl.h: common/http
libpq-fe.h: connectors/postgres
sqlite3.h: streams/store worker/store
pcre2.h: common
"
# these know nothing of plugins
plain="common streams"
failed=0

# includes FOLDER: "FILE HEADER" for each include line in it
includes() {
    find "$1" -name '*.[ch]' -exec grep -HoE '^ *# *include *["<][^">]+' {} + |
        sed -E 's/^([^:]+): *# *include *["<]/\1 /'
}
# within PATH FOLDER...: it lies in one of them
within() {
    local path=$1 folder
    shift
    for folder; do
        case $path in "$folder"/*) return 0 ;; esac
    done
    return 1
}
complain() {
    printf '%s includes "%s": %s\n' "$@"
    failed=1
}

while IFS=: read -r folder allowed; do
    [ -d "${folder:-/nowhere}" ] || continue
    while read -r file header; do
        case $header in
        culvert/*) ;;
        common/* | data/* | converters/* | transforms/* | connectors/* | worker/* | rest/* | streams/* | programs/*)
            # shellcheck disable=SC2086 # a list of folders
            within "$header" "$folder" $allowed || complain "$file" "$header" "$folder may include: $allowed"
            ;;
        esac
    done < <(includes "$folder")
done <<<"$may_include"

while IFS=: read -r library allowed; do
    [ -n "$library" ] || continue
    for folder in include common data converters transforms connectors worker rest streams programs; do
        [ -d "$folder" ] || continue
        while read -r file header; do
            # shellcheck disable=SC2086 # a list of folders
            [ "$header" != "$library" ] || within "$file" $allowed ||
                complain "$file" "$header" "that is for $allowed"
        done < <(includes "$folder")
    done
done <<<"$libraries"

for folder in $plain; do
    while read -r file header; do
        case $header in
        culvert/plugin.h) complain "$file" "$header" "$folder knows nothing of plugins" ;;
        esac
    done < <(includes "$folder")
done
exit $failed
