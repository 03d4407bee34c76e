/* A reader of GGUF files for tests, written from the format's description and sharing nothing with the writer. What is
 * not as described fails the test.
 *
 *     GgufFile *file = gguf_read("model.gguf");
 *     assert_string_equal(gguf_text(file, "general.architecture"), "llama");
 *     float *q = gguf_f32(file, "blk.0.attn_q.weight", &columns, &rows);    // free(q)
 *     gguf_close(file);
 */
#ifndef TESTS_SUPPORT_GGUF_READER_H
#define TESTS_SUPPORT_GGUF_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct GgufFile GgufFile;

GgufFile *gguf_read(const char *path);
void      gguf_close(GgufFile *file);

/* --- metadata; a key that is missing or of another kind fails the test. */
bool        gguf_has(const GgufFile *file, const char *key);
uint64_t    gguf_key_count(const GgufFile *file);
uint32_t    gguf_u32(const GgufFile *file, const char *key);
float       gguf_float(const GgufFile *file, const char *key);
bool        gguf_bool(const GgufFile *file, const char *key);
const char *gguf_text(const GgufFile *file, const char *key); /* one of 4 buffers that take turns */

/* Of lists: their length; element `index` of one of texts (as above), of one of int32. */
uint64_t    gguf_list_count(const GgufFile *file, const char *key);
const char *gguf_list_text_at(const GgufFile *file, const char *key, uint64_t index);
int32_t     gguf_list_i32_at(const GgufFile *file, const char *key, uint64_t index);

/* --- tensors */
typedef struct GgufInfo {
    char                 name[64];
    uint32_t             rank, type; /* ggml's number */
    uint64_t             shape[4];   /* the fastest first */
    uint64_t             offset;     /* in the data */
    const unsigned char *data;
} GgufInfo;

uint64_t        gguf_tensor_count(const GgufFile *file);
const GgufInfo *gguf_tensor(const GgufFile *file, const char *name); /* NULL: none */

/* The values of a tensor of any type that is written, malloc'ed; its shape, rows 1 of a vector. */
float *gguf_f32(const GgufFile *file, const char *name, uint64_t *columns, uint64_t *rows);

#endif
