/* SPDX-License-Identifier: Apache-2.0 */
/* Heartbeats of MirrorMaker: a record a second that shows how far a mirror of this cluster is behind. */
#ifndef CONNECTORS_HEARTBEAT_HEARTBEAT_H
#define CONNECTORS_HEARTBEAT_HEARTBEAT_H

#include <culvert/plugin.h>

/* org.apache.kafka.connect.mirror.MirrorHeartbeatConnector, alias MirrorHeartbeat. */
extern const struct cv_plugin heartbeat_source_plugin;

#endif
