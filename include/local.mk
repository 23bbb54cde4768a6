pkginclude_HEADERS += \
	include/culvert/err.h \
	include/culvert/schema.h \
	include/culvert/value.h \
	include/culvert/record.h \
	include/culvert/config.h \
	include/culvert/plugin.h
