/* SPDX-License-Identifier: Apache-2.0 */
/* The partitioner hash of Java clients (org.apache.kafka.common.utils.Utils.murmur2). */
#ifndef COMMON_MURMUR2_H
#define COMMON_MURMUR2_H

#include <stddef.h>
#include <stdint.h>

uint32_t cv_murmur2(const void *data, size_t len);
/* toPositive(murmur2(key)) % partitions */
int32_t cv_murmur2_partition(const void *key, size_t len, int32_t partitions);

#endif
