#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh DIR LIBS: become the Kafka broker of DIR (broker.properties, log4j2.properties, data/),
# from the jars in LIBS; a new data folder is formatted first. Called by kafka_start of lib.sh.
# JAVA names the java program, CULVERT_KAFKA_HEAP the largest heap, CULVERT_KAFKA_TIER the highest
# JIT tier (1 starts quicker, 4 runs faster).
set -euo pipefail

dir=$1
java=${JAVA:-java}
options=(-Xms128m "-Xmx${CULVERT_KAFKA_HEAP:-384m}" -XX:+UseSerialGC
    "-Dlog4j2.configurationFile=$dir/log4j2.properties" -cp "$2/*")
if [ ! -f "$dir/data/meta.properties" ]; then
    "$java" -XX:TieredStopAtLevel=1 "${options[@]}" kafka.tools.StorageTool format \
        -t Y3VsdmVydC1wcml2YXRlMQ -c "$dir/broker.properties"
fi
exec "$java" "-XX:TieredStopAtLevel=${CULVERT_KAFKA_TIER:-4}" "${options[@]}" kafka.Kafka \
    "$dir/broker.properties"
