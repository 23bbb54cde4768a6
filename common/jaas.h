/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Java's login configuration (javax.security.auth.login.Configuration): one login module, as the
 * value of sasl.jaas.config, or a file of named sections. No failure's text ever holds a part of
 * what was read, which is a secret.
 */
#ifndef COMMON_JAAS_H
#define COMMON_JAAS_H

#include <culvert/config.h>

enum cv_jaas_flag { CV_JAAS_REQUIRED, CV_JAAS_REQUISITE, CV_JAAS_SUFFICIENT, CV_JAAS_OPTIONAL };

struct cv_jaas_module {
    char name[256]; /* of the class, with its package */
    enum cv_jaas_flag flag;
    struct cv_config *options; /* owned */
};

/* The class name behind its last dot; borrowed. */
const char *cv_jaas_simple_name(const struct cv_jaas_module *module);

/* "Module required option=value option=\"value\" ...;". CV_INVALID. */
CV_MUST_CHECK
enum cv_rc cv_jaas_parse(const char *text, struct cv_jaas_module *ret, struct cv_err *err);
void cv_jaas_module_done(struct cv_jaas_module *module); /* wipes; accepts a zeroed one */

struct cv_jaas_section {
    struct cv_jaas_module *modules;
    size_t count;
};

/*
 * "Name { module; module; }; Other { ... };": the modules of one section. Comments are those of
 * Java. CV_NOT_FOUND: the file has no such section; CV_INVALID names the line.
 */
CV_MUST_CHECK
enum cv_rc cv_jaas_find(const char *text, const char *name, struct cv_jaas_section *ret,
                        struct cv_err *err);
void cv_jaas_section_done(struct cv_jaas_section *section);

#endif
