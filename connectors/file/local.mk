noinst_LIBRARIES += connectors/file/libfile.a
connectors_file_libfile_a_SOURCES =
