/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What culvert-worker --print-options says: the first part of docs/configuration.md. Options come from their rows
 * and nowhere else; the prose here is about what no row is, keys that belong to others and where values come from.
 */
#include <config.h>

#include "programs/worker_options.h"

#include <string.h>

#include "programs/builtin.h"
#include "programs/options_doc.h"
#include "worker/connector_config.h"
#include "worker/worker_config.h"

static void
print_intro(FILE *out)
{
    fputs("# Configuration\n"
          "\n"
          "Made by `make docs` from the option rows in the source; `make check` fails when it is out of date.\n"
          "\n"
          "- [Worker](#worker): the file that `culvert-worker` is given\n"
          "- [Connectors](#connectors): what is sent to the REST API, or named on the command line of a standalone "
          "worker\n"
          "- [Converters](#converters), [transforms](#transforms), [predicates](#predicates)\n"
          "- [Streams worker](#streams-worker): the file that `culvert-streams run` is given\n"
          "\n"
          "Property files are Java's: `key=value` or `key: value`, `#` begins a comment line, a backslash at the end "
          "of\n"
          "a line continues it. Lists are separated by commas.\n"
          "\n"
          "## Worker\n"
          "\n"
          "`culvert-worker FILE.properties` is a distributed worker, `culvert-worker --standalone FILE.properties\n"
          "CONNECTOR...` a standalone one. Names and defaults are those of Apache Kafka Connect, so that its\n"
          "`connect-distributed.properties` and `connect-standalone.properties` work as they are. Every key can come "
          "from\n"
          "the environment as well, which then counts: `CONNECT_GROUP_ID` is `group.id`. Wrong values end the start "
          "with a\n"
          "line that names key and value; keys that nobody knows are warned about.\n"
          "\n"
          "### Both modes\n"
          "\n",
          out);
}

static void
print_elsewhere(FILE *out)
{
    fputs("### Keys that are handed on\n"
          "\n"
          "| keys | to |\n"
          "|---|---|\n"
          "| `key.converter.*`, `value.converter.*`, `header.converter.*` | the converters, without the prefix |\n"
          "| `security.protocol`, `ssl.*`, `sasl.*`, `metadata.max.age.ms`, `connections.max.idle.ms`, "
          "`reconnect.backoff.*`, `send.buffer.bytes`, `receive.buffer.bytes`, ... | every Kafka client |\n"
          "| `producer.*`, `consumer.*` | the clients of tasks, without the prefix |\n"
          "| `config.storage.*`, `offset.storage.*`, `status.storage.*` | the internal topics, as topic settings, when "
          "they are created |\n"
          "| `listeners.https.ssl.*`, `admin.listeners.https.ssl.*` | the https listeners; `ssl.*` if there are none "
          "|\n"
          "\n"
          "Clients know Java's keys, and of librdkafka's own among others:\n"
          "\n"
          "| key | |\n"
          "|---|---|\n"
          "| `broker.address.family` | which addresses of a broker's name are used: `any` (default), `v4`, `v6` |\n"
          "| `socket.keepalive.enable`, `socket.nagle.disable` | `true` (default): the system looks whether a broker is "
          "still there, and small requests do not wait |\n"
          "| `debug`, `broker.address.ttl`, `topic.metadata.refresh.fast.interval.ms`, `receive.message.max.bytes`, "
          "`allow.auto.create.topics` | consumers and admin clients follow them; producers, which are not librdkafka's, "
          "do not, and tell it |\n"
          "\n"
          "Without a key, or with -1, the buffers of sockets are the system's. `connections.max.idle.ms` of producers is 540000;\n"
          "0 and -1 are for never.\n"
          "\n"
          "### Config providers\n"
          "\n"
          "`${provider:path:key}`, or `${provider:key}`, in a value stands for a secret that is kept elsewhere. It is "
          "resolved\nwhere the value is used; REST, the config topic and the logs show the reference.\n"
          "\n"
          "| key | |\n"
          "|---|---|\n"
          "| `config.providers.NAME.class` | `FileConfigProvider` (a key of a properties file), "
          "`DirectoryConfigProvider` (a file's whole text) or `EnvVarConfigProvider`, with or without the package "
          "`org.apache.kafka.common.config.provider.` |\n"
          "| `config.providers.NAME.param.allowed.paths` | files and folders, the only ones that may be read |\n"
          "| `config.providers.NAME.param.allowlist.pattern` | pattern of the names of variables that may be read |\n"
          "\n",
          out);
}

/* Rows in the first table that are not in the second. */
static void
print_difference(FILE *out, const struct cv_config_def *rows, const struct cv_config_def *common)
{
    struct cv_config_def own[64];
    size_t n = 0;

    for (const struct cv_config_def *row = rows; row->name != NULL && n + 1 < CV_COUNT(own); row++) {
        const struct cv_config_def *other = common;

        while (other->name != NULL && strcmp(other->name, row->name) != 0)
            other++;
        if (other->name == NULL)
            own[n++] = *row;
    }
    own[n] = (struct cv_config_def)CV_CONFIG_END;
    options_doc_table(out, own);
}

/* Rows that sources and sinks share. */
static void
print_shared(FILE *out)
{
    const struct cv_config_def *sinks = connector_config_def(CV_SINK);
    struct cv_config_def shared[64];
    size_t n = 0;

    for (const struct cv_config_def *row = connector_config_def(CV_SOURCE); row->name != NULL; row++)
        for (const struct cv_config_def *sink = sinks; sink->name != NULL && n + 1 < CV_COUNT(shared); sink++)
            if (strcmp(sink->name, row->name) == 0)
                shared[n++] = *row;
    shared[n] = (struct cv_config_def)CV_CONFIG_END;
    options_doc_table(out, shared);
}

/* Whether an earlier plugin of the kind has the same rows: Cast$Key and Cast$Value. */
static bool
is_repeated(size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (builtin_plugins[j]->kind == builtin_plugins[i]->kind &&
            builtin_plugins[j]->config == builtin_plugins[i]->config)
            return true;
    return false;
}

static void
print_names(FILE *out, size_t first)
{
    const struct cv_plugin *plugin = builtin_plugins[first];

    for (size_t i = first; builtin_plugins[i] != NULL; i++) {
        const struct cv_plugin *other = builtin_plugins[i];

        if (i != first && (other->kind != plugin->kind || other->config != plugin->config))
            continue;
        fprintf(out, "%s`%s`", i == first ? "" : ", ", other->name);
        for (size_t a = 0; other->aliases != NULL && other->aliases[a] != NULL; a++)
            fprintf(out, ", `%s`", other->aliases[a]);
    }
}

static void
print_kind(FILE *out, enum cv_plugin_kind kind)
{
    for (size_t i = 0; builtin_plugins[i] != NULL; i++) {
        const struct cv_plugin *plugin = builtin_plugins[i];

        if (plugin->kind != kind || is_repeated(i))
            continue;
        fputs("### ", out);
        print_names(out, i);
        fputs("\n\n", out);
        if (plugin->config == NULL || plugin->config->name == NULL)
            fputs("No options.\n\n", out);
        else
            options_doc_table(out, plugin->config);
    }
}

void
worker_options_print(FILE *out)
{
    print_intro(out);
    options_doc_table(out, worker_config_def);
    fputs("### Distributed\n\n", out);
    options_doc_table(out, worker_distributed_def);
    fputs("### Standalone\n\n", out);
    options_doc_table(out, worker_standalone_def);
    print_elsewhere(out);
    fputs("## Connectors\n\n### Every connector\n\n", out);
    print_shared(out);
    fputs("`producer.override.*`, `consumer.override.*` and `admin.override.*` set client options of one connector, as "
          "far as\n"
          "`connector.client.config.override.policy` lets them. `transforms.ALIAS.*` and `predicates.ALIAS.*` "
          "configure what\n"
          "the two lists name:\n\n",
          out);
    options_doc_table(out, transform_head_def);
    options_doc_table(out, transform_tail_def);
    fputs("### Every source connector\n\n", out);
    print_difference(out, connector_config_def(CV_SOURCE), connector_config_def(CV_SINK));
    fputs("### Every sink connector\n\n", out);
    print_difference(out, connector_config_def(CV_SINK), connector_config_def(CV_SOURCE));
    print_kind(out, CV_SOURCE);
    print_kind(out, CV_SINK);
    fputs("## Converters\n\n", out);
    print_kind(out, CV_CONVERTER);
    fputs("## Header converters\n\n", out);
    print_kind(out, CV_HEADER_CONVERTER);
    fputs("## Transforms\n\n", out);
    print_kind(out, CV_TRANSFORM);
    fputs("## Predicates\n\n", out);
    print_kind(out, CV_PREDICATE);
}
