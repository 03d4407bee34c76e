/* Any bytes as a config, and what is accepted printed and read back; the part
 * after a line "---" is one override. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/run/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static RunConfig config, again;
    char            *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size]       = '\0';
    char       *mark = strstr(text, "\n---\n");
    const char *set  = mark != NULL ? mark + 5 : NULL;
    if (mark != NULL) {
        *mark = '\0';
    }
    Error error = {0};
    if (run_config_parse(text, "fuzz", &set, set != NULL, &config, &error) == STATUS_OK) {
        char *printed = run_config_print(&config);
        error         = (Error){0};
        if (printed == NULL || run_config_parse(printed, "printed", NULL, 0, &again, &error) != STATUS_OK) {
            abort();
        }
        char *second = run_config_print(&again);
        if (second == NULL || strcmp(printed, second) != 0) {
            abort();
        }
        free(printed);
        free(second);
    } else if (error.status != STATUS_BAD_INPUT || error.text[0] == '\0') {
        abort();
    }
    free(text);
    return 0;
}
