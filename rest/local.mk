noinst_LIBRARIES += rest/librest.a
rest_librest_a_SOURCES = \
	rest/api.c \
	rest/api.h \
	rest/body.c \
	rest/body.h \
	rest/connectors.c \
	rest/forward.c \
	rest/headers.c \
	rest/health.c \
	rest/internal.c \
	rest/json.c \
	rest/json.h \
	rest/loggers.c \
	rest/metrics.c \
	rest/offsets.c \
	rest/plugins.c \
	rest/rest.h \
	rest/tasks.c
