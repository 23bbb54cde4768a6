/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a login module and as a JAAS file. Beyond not crashing: a refusal says why. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/jaas.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
    if (!holds)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cv_jaas_module module = { .options = NULL };
    struct cv_jaas_section section = { 0 };
    struct cv_err err = CV_ERR_INIT;
    char *text = malloc(size + 1);

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (cv_jaas_parse(text, &module, &err) == CV_OK)
        must(module.options != NULL && module.name[0] != '\0');
    else
        must(module.options == NULL && err.text[0] != '\0');
    cv_jaas_module_done(&module);
    err = (struct cv_err)CV_ERR_INIT;
    if (cv_jaas_find(text, "KafkaConnect", &section, &err) == CV_OK)
        must(section.modules != NULL);
    else
        must(section.modules == NULL && err.text[0] != '\0');
    cv_jaas_section_done(&section);
    free(text);
    return 0;
}
