noinst_LIBRARIES += worker/group/libgroup.a
worker_group_libgroup_a_SOURCES = \
	worker/group/assignor.c \
	worker/group/assignor.h \
	worker/group/member.h \
	worker/group/protocol.c \
	worker/group/protocol.h
