include worker/group/local.mk
include worker/store/local.mk

noinst_LIBRARIES += worker/libworker.a
worker_libworker_a_SOURCES = \
	worker/herder_request.h \
	worker/plugins.h \
	worker/status.h \
	worker/task.h
