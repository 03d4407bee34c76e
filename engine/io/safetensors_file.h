/* Private to engine/io/safetensors*.c: one mapped file. */
#ifndef ENGINE_IO_SAFETENSORS_FILE_H
#define ENGINE_IO_SAFETENSORS_FILE_H

#include "engine/io/json.h"
#include "engine/io/safetensors.h"

typedef struct Mapping {
    char          *path;
    unsigned char *bytes; /* the whole file */
    size_t         length;
    uint64_t       data_at; /* offset of the data: 8 + header length */
    cJSON         *header;  /* an object */
} Mapping;

/* Maps a file and parses its header. mapping_close is needed in every case. */
Status mapping_open(Mapping *mapping, const char *path, Error *error);
void   mapping_close(Mapping *mapping);

size_t mapping_entries(const Mapping *mapping); /* room that mapping_tensors needs */

/* Checks the header and writes its tensors, in order of place; their names lie in it. */
Status mapping_tensors(const Mapping *mapping, Safetensor *tensors, size_t *count, Error *error);

#endif
