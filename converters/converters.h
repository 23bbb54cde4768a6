/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The converters of Apache Kafka Connect under their class names. A class that Connect offers both as converter
 * and as header converter is two plugins of one name, which share their functions.
 */
#ifndef CONVERTERS_CONVERTERS_H
#define CONVERTERS_CONVERTERS_H

#include <culvert/plugin.h>

extern const struct cv_plugin json_converter_plugin;
extern const struct cv_plugin json_header_converter_plugin;
extern const struct cv_plugin string_converter_plugin;
extern const struct cv_plugin string_header_converter_plugin;
extern const struct cv_plugin bytes_converter_plugin;
extern const struct cv_plugin bytes_header_converter_plugin;
extern const struct cv_plugin simple_header_converter_plugin;
extern const struct cv_plugin binary_data_converter_plugin; /* Debezium's */
extern const struct cv_plugin binary_data_header_converter_plugin;

#define NUMBER_CONVERTERS 6 /* Short, Integer, Long, Float, Double, Boolean */
extern const struct cv_plugin number_converter_plugins[NUMBER_CONVERTERS];
extern const struct cv_plugin number_header_converter_plugins[NUMBER_CONVERTERS];

#endif
