/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a file to a topic, and records to lines of a file. README.md beside this file tells the story. */
#ifndef CONNECTORS_FILE_FILE_H
#define CONNECTORS_FILE_FILE_H

#include <culvert/plugin.h>

/* org.apache.kafka.connect.file.FileStreamSourceConnector, alias FileStreamSource. */
extern const struct cv_plugin file_source_plugin;
/* org.apache.kafka.connect.file.FileStreamSinkConnector, alias FileStreamSink. */
extern const struct cv_plugin file_sink_plugin;

#endif
