#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A plugin that is built out of tree against installed headers with pkg-config is loaded from plugin.path; what is broken,
# foreign or built for another interface is left out with a warning that names it.
set -u
srcdir=${srcdir:-.}
: "${TEST_CC:?the compiler, which make check sets}"
command -v pkg-config >/dev/null || { echo "no pkg-config"; exit 77; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/culvert-plugin.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
unset MAKEFLAGS MFLAGS MAKELEVEL

fail() {
    echo "$1"
    cat "$dir/out" "$dir/err" 2>/dev/null
    exit 1
}

make -s install-pkgincludeHEADERS install-pkgconfigDATA DESTDIR="$dir/root" >"$dir/out" 2>&1 || fail "install failed"
pc=$(find "$dir/root" -name culvert.pc)
[ -n "$pc" ] || fail "no culvert.pc was installed"
cflags=$(PKG_CONFIG_SYSROOT_DIR="$dir/root" PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags culvert) ||
    fail "pkg-config does not know culvert"

build() { # FILE.so SOURCE FLAGS...
    so=$1 source=$2
    shift 2
    # shellcheck disable=SC2086 # words
    $TEST_CC -shared -fPIC -Wall -Wextra -Werror $cflags "$@" -o "$so" "$source" >"$dir/out" 2>&1 || fail "$so does not build"
}

mkdir -p "$dir/plugins/example" "$dir/plugins/empty"
build "$dir/plugins/example/topic_prefix.so" "$srcdir/docs/plugin-example/topic_prefix.c"
sed -e 's/^CV_PLUGIN_LIBRARY.*//' "$srcdir/docs/plugin-example/topic_prefix.c" >"$dir/other.c"
cat >>"$dir/other.c" <<'END'
extern const struct cv_plugin_library culvert_plugin_library;
const struct cv_plugin_library culvert_plugin_library __attribute__((visibility("default"))) = {
    .api = CV_PLUGIN_API + 1, .plugins = (const struct cv_plugin *const[]){ &topic_prefix_plugin, NULL } };
END
build "$dir/plugins/other_api.so" "$dir/other.c"
echo 'int nothing; int nothing = 1;' >"$dir/foreign.c"
build "$dir/plugins/foreign.so" "$dir/foreign.c"
echo 'this is no library' >"$dir/plugins/broken.so"
echo 'jar' >"$dir/plugins/java.jar"
cp "$dir/plugins/example/topic_prefix.so" "$dir/plugins/twice.so"

cat >"$dir/worker.properties" <<END
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
group.id=g
config.storage.topic=c
offset.storage.topic=o
status.storage.topic=s
plugin.path=$dir/plugins,$dir/missing
END
programs/culvert-worker --print-plugins "$dir/worker.properties" >"$dir/out" 2>"$dir/err" || fail "--print-plugins failed"
grep -q '^transformation com.example.TopicPrefix 1.0.0$' "$dir/out" || fail "the example was not loaded"
[ "$(grep -c TopicPrefix "$dir/out")" = 1 ] || fail "the example was loaded twice"
grep -q '^source org.apache.kafka.connect.file.FileStreamSourceConnector ' "$dir/out" || fail "a built-in one is missing"
warned() {
    grep 'WARN' "$dir/err" "$dir/out" | grep "$1" | grep -q "$2" || fail "no warning of $1: $2"
}
warned other_api.so 'was built for plugin interface 2, this worker has 1'
warned foreign.so 'no symbol culvert_plugin_library'
warned broken.so 'error='
warned twice.so 'is there already'
warned "$dir/missing" 'cannot be read'
! grep -q 'java.jar' "$dir/err" || fail "a jar was warned about"
