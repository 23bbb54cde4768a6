noinst_LIBRARIES += worker/group/libgroup.a
worker_group_libgroup_a_SOURCES = \
	worker/group/member.h \
	worker/group/protocol.h
