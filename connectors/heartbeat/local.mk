noinst_LIBRARIES += connectors/heartbeat/libheartbeat.a
connectors_heartbeat_libheartbeat_a_SOURCES = \
	connectors/heartbeat/heartbeat.c \
	connectors/heartbeat/heartbeat.h
