/* SPDX-License-Identifier: Apache-2.0 */
/* A line of COPY text of any bytes: values lie within it. The first byte says how many columns, and which are read. */
#include <config.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/postgres/copy_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pgoutput_value values[8];
    bool reads[8];
    uint16_t n;
    char *line;

    if (size == 0 || (line = malloc(size)) == NULL)
        return 0;
    n = data[0] % 9;
    for (uint16_t i = 0; i < 8; i++)
        reads[i] = (data[0] >> i & 1) == 0 || i == 0;
    memcpy(line, data + 1, size - 1);
    if (copy_text_parse(line, size - 1, reads, n, values))
        for (uint16_t i = 0; i < n; i++)
            if (values[i].kind == 't' && (values[i].data < line || values[i].data + values[i].len > line + size - 1))
                abort();
    free(line);
    return 0;
}
