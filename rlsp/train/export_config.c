#include "rlsp/train/export_config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/io/json.h"

static const char *torch_name(Dtype dtype)
{
    switch (dtype) {
    case DTYPE_BF16: return "\"bfloat16\"";
    case DTYPE_F16: return "\"float16\"";
    default: return "\"float32\"";
    }
}

static const char *skip_spaces(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* Behind the string whose first quote `at` points to. The text is sound JSON. */
static const char *skip_string(const char *at)
{
    for (at++; *at != '"'; at++) {
        at += *at == '\\';
    }
    return at + 1;
}

/* The value of the next key of the outermost object that says a dtype, from `at` on; NULL: there is none. *end is
 * behind it. */
static const char *find_dtype(const char *at, int *depth, const char **end)
{
    while (*at != '\0') {
        if (*at == '{' || *at == '[') {
            ++*depth;
        } else if (*at == '}' || *at == ']') {
            --*depth;
        }
        if (*at != '"') {
            at++;
            continue;
        }
        const char *after = skip_string(at), *colon = skip_spaces(after);
        const bool  says = (after - at == 7 && memcmp(at, "\"dtype\"", 7) == 0) ||
                          (after - at == 13 && memcmp(at, "\"torch_dtype\"", 13) == 0);
        if (*depth == 1 && *colon == ':' && says) {
            const char *value = skip_spaces(colon + 1);
            if (*value == '"' || *value == 'n') { /* a name, or null */
                *end = *value == '"' ? skip_string(value) : value + strlen("null");
                return value;
            }
        }
        at = after;
    }
    return NULL;
}

static Status write_config(const char *text, const char *to, Dtype dtype, Error *error)
{
    AtomicFile *file = atomic_file_open(to, error);
    if (file == NULL) {
        return error->status;
    }
    const char *at = text, *value, *end, *name = torch_name(dtype);
    int         depth  = 0;
    Status      status = STATUS_OK;
    while (status == STATUS_OK && (value = find_dtype(at, &depth, &end)) != NULL) {
        status = atomic_file_write(file, at, (size_t)(value - at), error);
        status = status == STATUS_OK ? atomic_file_write(file, name, strlen(name), error) : status;
        at     = end;
    }
    status = status == STATUS_OK ? atomic_file_write(file, at, strlen(at), error) : status;
    if (status != STATUS_OK) {
        atomic_file_abort(file);
        return status;
    }
    return atomic_file_commit(file, error);
}

Status export_config(const char *from, const char *to, Dtype dtype, Error *error)
{
    char  *text;
    size_t bytes;
    cJSON *root   = NULL;
    Status status = file_read(from, JSON_FILE_LIMIT, &text, &bytes, error);
    status        = status == STATUS_OK ? json_parse(text, bytes, from, &root, error) : status;
    cJSON_Delete(root);
    status = status == STATUS_OK ? write_config(text, to, dtype, error) : status;
    free(text);
    return status;
}
