/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of a streams worker, one row each. Every other key goes to the Kafka clients. */
#ifndef STREAMS_STREAMS_CONFIG_H
#define STREAMS_STREAMS_CONFIG_H

#include <culvert/config.h>

struct streams_config {
    char *bootstrap_servers;
    char *pipeline_directory;
    char *state_dir;
    struct cv_list listeners;
    char *advertised_url; /* "": made of the first listener */
    char *worker_id; /* "": kept in the state directory */
    int32_t num_threads;
    int auto_offset_reset; /* 0 earliest, 1 latest */
    int32_t replication_factor;
    int32_t transaction_timeout_ms;
    char *log_level;

    struct cv_config *raw;      /* all keys, the environment's values over the file's */
    struct cv_config *clients;  /* of these, what is for all clients of Kafka */
    struct cv_config *consumer; /* those with the prefix, without it */
    struct cv_config *producer;
    struct cv_config *admin;
};

extern const struct cv_config_def streams_config_defs[];

/* Read the file, put CULVERT_STREAMS_<KEY> from the environment over it, resolve ${...}. CV_INVALID
   with every wrong key in errors. */
CV_MUST_CHECK
enum cv_rc streams_config_load(const char *path, struct streams_config *ret,
                               struct cv_config_errors *errors, struct cv_err *err);
void streams_config_done(struct streams_config *config);

#endif
