#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What bench/streams.sh needs of the sample shop, from the tests' helpers.

    streams_shop.py make FILE PREFIX [NAME=VALUE...]
        events for "kafka_dump load", of topics PREFIXname; FILE.batch keeps what they must give; prints records=N orders=N
    streams_shop.py pipeline DIR WORK IN OUT APP
        the sample's SQL for one WORK, from topics INname to OUTname
    streams_shop.py compare FILE OUT WORK final|changes
        the topics OUTname beside FILE.batch; exit 1 if they differ
"""

import glob
import json
import os
import pickle
import re
import subprocess
import sys

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
sys.path.insert(0, os.path.join(TOP, "tests", "helper"))
import shop_batch
import shop_compare
import shop_events

OUTPUTS = {
    "enrichment": ["processed_orders"],
    "metrics": ["processed_orders", "business_metrics", "business_metrics_late"],
    "all": ["processed_orders", "business_metrics", "business_metrics_late", "fraud_alerts", "inventory_alerts",
            "customer_behavior"],
}


def make(path, prefix, *settings):
    shop = shop_events.Shop(**dict(setting.split("=", 1) for setting in settings))
    shop.finish()
    with open(path, "w", encoding="utf-8") as file:
        file.write(shop_events.lines([(prefix + name, key, value) for name, key, value in shop.records]))
    batch = shop_batch.Batch(shop.records)
    with open(path + ".batch", "wb") as file:
        batch.versions.default_factory = None  # a function, which cannot be kept
        pickle.dump(batch, file)
    print("records=%d orders=%d" % (len(shop.records), sum(map(len, batch.processed.values()))))


def pipeline(directory, work, source, target, application):
    """Statements of the sample that the outputs of this work need: all but the sinks and queries of others, and the
    tables that no query of these names."""
    text = ""
    for path in sorted(glob.glob(os.path.join(TOP, "etc", "shop", "streams", "*.sql"))):
        with open(path, encoding="utf-8") as file:
            part = file.read()
        sinks = re.findall(r"\bTO TOPIC '([^']+)'", part)
        if not sinks or set(sinks) & set(OUTPUTS[work]):
            text += part
    missing = [name for name in OUTPUTS[work] if "TO TOPIC '%s'" % name not in text]
    if missing:
        sys.exit("etc/shop/streams has no sink for %s" % ", ".join(missing))
    statement = re.compile(r"CREATE (?:GLOBAL )?(?:SOURCE|REPARTITION) (?:TABLE|STREAM) (\w+)\b.*?;[ \t]*\n", re.S)
    while True:
        unused = [match for match in statement.finditer(strip_comments(text))
                  if len(re.findall(r"\b%s(?:_changes|_delta)?\b" % match.group(1),
                                    re.sub(r"TOPIC '[^']*'", "", strip_comments(text)))) == 1]
        if not unused:
            break
        text = strip_comments(text).replace(unused[0].group(0), "")
    text = re.sub(r"\bTO TOPIC '([^']+)'", r"TO TOPIC '%s\1'" % target, text)
    text = re.sub(r"\bFROM TOPIC '([^']+)'", r"FROM TOPIC '%s\1'" % source, text)
    text = re.sub(r"\bFILE '([^']*/)?([^'/]+)'", r"FILE '%s/files/\2'" % directory, text)
    text = text.replace("'shop-streams", "'" + application)
    os.makedirs(os.path.join(directory, "files"))
    with open(os.path.join(directory, "shop.sql"), "w", encoding="utf-8") as file:
        file.write(text)


def strip_comments(text):
    return re.sub(r"[ \t]*--[^\n]*", "", text)


def compare(path, prefix, work, final):
    with open(path + ".batch", "rb") as file:
        batch = pickle.load(file)
    outputs = {}
    for name in OUTPUTS[work]:
        done = subprocess.Popen([os.environ["CULVERT_BUILD"] + "/tests/helper/kafka_dump", "read", prefix + name],
                                stdout=subprocess.PIPE)
        outputs[name] = [json.loads(line) for line in done.stdout]
        if done.wait() != 0:
            sys.exit("kafka_dump failed")
    wrong = shop_compare.compare(batch, outputs, final=final == "final")
    for sentence in wrong:
        print("DIFFERENCE " + sentence[:1000], file=sys.stderr)
    print(" ".join("%s=%d" % (name, len(records)) for name, records in outputs.items()))
    sys.exit(bool(wrong))


def main():
    commands = {"make": make, "pipeline": pipeline, "compare": compare}
    commands[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
