/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), by the processor's instruction where it has one. */
#ifndef COMMON_CRC32C_H
#define COMMON_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc is 0 at first, then what the call before returned. */
uint32_t cv_crc32c(uint32_t crc, const void *data, size_t len);
/* The same without the instruction: what processors that lack it run, for tests to compare. */
uint32_t cv_crc32c_portable(uint32_t crc, const void *data, size_t len);

#endif
