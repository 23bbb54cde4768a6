/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of an envelope that are to be taken along, as Debezium's options name them: "field" or "struct.field", with
 * ":name" behind it if it is to be called otherwise. A name without struct is looked up in source, but for op and
 * the ts_ of the envelope itself and the three fields of transaction.
 */
#ifndef TRANSFORMS_ENVELOPE_FIELD_H
#define TRANSFORMS_ENVELOPE_FIELD_H

#include <culvert/config.h>
#include <culvert/value.h>

struct envelope_field {
    char *parent; /* NULL: the envelope itself */
    char *field;
    char *name; /* what it is called where it goes */
};

struct envelope_fields {
    struct envelope_field *items;
    size_t count;
};

/* Read the list of the option. Done also after a failure. */
CV_MUST_CHECK enum cv_rc envelope_fields_init(struct envelope_fields *fields, const char *option,
                                              const char *prefix, const struct cv_list *list, struct cv_err *err);
void envelope_fields_done(struct envelope_fields *fields);

/* Where one of them stands in envelopes of one schema. */
struct envelope_place {
    struct cv_schema *schema; /* of the copy: optional, without default; NULL: there is no such field, and the rest
                                 does not count */
    int parent;               /* index of the struct, -1: the envelope */
    bool in_envelope;         /* the struct lacks it, the envelope has it: but only while there is the struct */
    int field;
};

/* An array of a place a field. CV_INVALID if the envelope has no struct of a parent's name. */
CV_MUST_CHECK enum cv_rc envelope_places_new(const struct envelope_fields *fields, const struct cv_schema *envelope,
                                             const char *option, struct envelope_place **ret, struct cv_err *err);
void envelope_places_free(struct envelope_place *places);

/* The value there, with the place's schema. */
struct cv_value envelope_value(const struct envelope_place *place, const struct cv_value *envelope);

#endif
