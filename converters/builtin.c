/* SPDX-License-Identifier: Apache-2.0 */
/* The list of all converters. */
#include <config.h>

#include "converters/converters.h"

const struct cv_plugin *const converters_builtin[] = {
    &json_converter_plugin,
    &json_header_converter_plugin,
    &string_converter_plugin,
    &string_header_converter_plugin,
    &bytes_converter_plugin,
    &bytes_header_converter_plugin,
    &simple_header_converter_plugin,
    &number_converter_plugins[0],
    &number_converter_plugins[1],
    &number_converter_plugins[2],
    &number_converter_plugins[3],
    &number_converter_plugins[4],
    &number_converter_plugins[5],
    &number_header_converter_plugins[0],
    &number_header_converter_plugins[1],
    &number_header_converter_plugins[2],
    &number_header_converter_plugins[3],
    &number_header_converter_plugins[4],
    &number_header_converter_plugins[5],
    NULL,
};
