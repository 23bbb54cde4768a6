#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who may include whom. The tree is the architecture: calls run downwards only, and each outside library has
# one room. Tests and bench are exempt. Run by make check; by hand: srcdir=. tests/unit/fences_test.sh
set -u
cd "${srcdir:-.}" || exit 1

# Reads "file:line:#include ..." and prints what breaks a fence; fails if anything does.
check()
{
    awk -F: '
    # Folders that see no other than these (of ours). The longest prefix of the file decides.
    BEGIN {
        may["include/"]              = "culvert/"
        # Values and records are plain data; what a plugin is, the ground floor does not know.
        may["common/"]               = "culvert/(err|config|schema|value|record).h common/[^/]*$"
        may["common/kafka/"]         = may["common/"] " common/kafka/ common/oauth/ common/wire/"
        may["common/oauth/"]         = may["common/"] " common/http/ common/oauth/"
        may["common/wire/"]          = may["common/"] " common/oauth/ common/wire/"
        may["common/http/"]          = may["common/"] " common/http/"
        may["data/"]                 = "culvert/ common/[^/]*$ data/"
        may["converters/"]           = "culvert/ common/ data/ converters/"
        may["transforms/"]           = "culvert/ common/ data/ transforms/"
        may["connectors/file/"]      = "culvert/ common/ data/ connectors/file/"
        may["connectors/heartbeat/"] = "culvert/ common/ data/ connectors/heartbeat/"
        may["connectors/mock/"]      = "culvert/ common/ data/ connectors/mock/"
        may["connectors/postgres/"]  = "culvert/ common/ data/ connectors/postgres/"
        may["connectors/verifiable/"] = "culvert/ common/ data/ connectors/verifiable/"
        may["worker/"]               = "culvert/ common/ data/ worker/"
        may["rest/"]                 = "culvert/ common/ data/ worker/ rest/"
        may["streams/"]              = "culvert/(err|config|schema|value).h common/ streams/"
        may["programs/"]             = ".*"

        # Outside headers and the files that may include them.
        only["librdkafka/"]  = "common/kafka/"
        only["libpq"]        = "connectors/postgres/"
        only["microhttpd.h"] = "common/http/"
        only["curl/"]        = "common/http/"
        only["sqlite3.h"]    = "streams/ worker/store/file_store.c"
        only["pcre2"]        = "common/regex.c"
        only["zlib.h"]       = "common/wire/compress.c common/kafka/partitioner.c"
        only["lz4frame.h"]   = "common/wire/compress.c"
        only["zstd.h"]       = "common/wire/compress.c"
        only["snappy-c.h"]   = "common/wire/compress.c"
    }

    function starts_with_one_of(name, list,    parts, n, i) {
        n = split(list, parts, " ")
        for (i = 1; i <= n; i++)
            if (name ~ "^" parts[i])
                return 1
        return 0
    }

    function complain(why) {
        printf "%s:%s: includes %s: %s\n", $1, $2, included, why
        bad = 1
    }

    {
        included = $0
        sub(/^[^<"]*[<"]/, "", included)
        sub(/[>"].*$/, "", included)
        quoted = $0 ~ /#[ \t]*include[ \t]*"/
        best = ""
        for (folder in may)
            if (index($1, folder) == 1 && length(folder) > length(best))
                best = folder
        if (best == "")
            complain("the folder of this file has no fence yet, add one")
        else if (quoted && included !~ "/")
            complain("name the folder of the header")
        else if ((quoted || included ~ "^culvert/") && !starts_with_one_of(included, may[best]))
            complain(best " may include " may[best] " only")
        for (header in only)
            if (index(included, header) == 1 && !starts_with_one_of($1, only[header]))
                complain("only " only[header] " may")
    }

    END { exit bad }'
}

# The checker itself: each of these lines must be refused, the others not.
refused='include/culvert/err.h:1:#include "common/buf.h"
common/buf.c:1:#include "common/kafka/client.h"
common/buf.c:1:#include <culvert/plugin.h>
common/kafka/client.c:1:#include "common/http/client.h"
data/value.c:1:#include "common/http/client.h"
data/value.c:1:#include "worker/task.h"
converters/json.c:1:#include "worker/task.h"
transforms/cast.c:1:# include "converters/json.h"
connectors/postgres/task.c:1:#include "worker/task.h"
connectors/postgres/task.c:1:#include "connectors/file/source.h"
connectors/other/task.c:1:#include "common/buf.h"
worker/task.c:1:#include "connectors/postgres/task.h"
worker/task.c:1:#include "rest/api.h"
worker/task.c:1:#include "task.h"
rest/api.c:1:#include "streams/app.h"
streams/app.c:1:#include "worker/task.h"
streams/app.c:1:#include "data/value.h"
streams/app.c:1:#include <culvert/record.h>
worker/task.c:1:#include <librdkafka/rdkafka.h>
worker/task.c:1:#include <sqlite3.h>
streams/app.c:1:#include <libpq-fe.h>
rest/api.c:1:#include <microhttpd.h>
rest/api.c:1:#include <curl/curl.h>
worker/task.c:1:#include <pcre2.h>
common/kafka/producer.c:1:#include <zlib.h>
common/kafka/producer.c:1:#include <zstd.h>'
allowed='common/buf.c:1:#include "common/buf.h"
common/buf.c:1:#include <stdio.h>
common/kafka/client.c:1:#include <librdkafka/rdkafka.h>
common/kafka/partitioner.c:1:#include <zlib.h>
worker/store/file_store.c:1:#include <sqlite3.h>
streams/store/database.c:1:#include "streams/store/database.h" /* "a" */
connectors/postgres/task.c:1:#include "data/value.h"
rest/api.c:1:#include "worker/herder_request.h"
programs/culvert-worker.c:1:#include "connectors/postgres/plugin.h"'

status=0
if [ "$(echo "$refused" | check | cut -d: -f1,3-)" = "" ] ||
   [ "$(echo "$refused" | check | wc -l)" -ne "$(echo "$refused" | wc -l)" ]; then
    echo "the checker lets pass what it must refuse; it refused only:"
    echo "$refused" | check
    status=1
fi
if ! echo "$allowed" | check; then
    echo "the checker refuses what is fine"
    status=1
fi

includes=$(find include common data converters transforms connectors worker rest streams programs \
    -name '*.[ch]' -exec grep -nE '^[[:space:]]*#[[:space:]]*include' /dev/null {} +)
if [ "$(echo "$includes" | wc -l)" -lt 100 ]; then
    echo "found no include lines to check in $(pwd)"
    exit 1
fi
echo "$includes" | check || status=1
exit $status
