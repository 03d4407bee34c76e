/* Private to engine/io/safetensors*.c: one open file. */
#ifndef ENGINE_IO_SAFETENSORS_FILE_H
#define ENGINE_IO_SAFETENSORS_FILE_H

#include "engine/io/json.h"
#include "engine/io/safetensors.h"

typedef struct TensorFile {
    char    *path;
    int      descriptor; /* -1: closed */
    uint64_t length;     /* bytes, when it was opened */
    uint64_t data_at;    /* offset of the data: 8 + header length */
    cJSON   *header;     /* an object */
} TensorFile;

/* Opens a file and parses its header. tensor_file_close is needed in every case. */
Status tensor_file_open(TensorFile *file, const char *path, Error *error);
void   tensor_file_close(TensorFile *file);

size_t tensor_file_entries(const TensorFile *file); /* room that tensor_file_tensors needs */

/* Checks the header and writes its tensors, in order of place; their names lie in it. */
Status tensor_file_tensors(const TensorFile *file, Safetensor *tensors, size_t *count, Error *error);

/* Reads exactly `count` bytes from `at` on, however the system splits them. `path` is for errors. */
Status tensor_file_read(int descriptor, const char *path, void *out, uint64_t at, uint64_t count, Error *error);

#endif
