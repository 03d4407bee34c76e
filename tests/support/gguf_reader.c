#include "tests/support/gguf_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fixture.h"

enum { U32 = 4, I32 = 5, F32 = 6, BOOL = 7, TEXT = 8, LIST = 9 };
enum { TYPE_F32 = 0, TYPE_F16 = 1, TYPE_Q8_0 = 8, TYPE_BF16 = 30 };

typedef struct Key {
    const unsigned char *name, *value;
    uint64_t             name_bytes;
    uint32_t             kind;
} Key;

struct GgufFile {
    unsigned char *bytes;
    size_t         size, at;
    uint64_t       key_count, tensor_count;
    Key           *keys;
    GgufInfo      *tensors;
};

static const unsigned char *take(GgufFile *file, uint64_t count)
{
    if (count > file->size - file->at) {
        fail_msg("the file ends at byte %zu, %llu more are wanted", file->at, (unsigned long long)count);
    }
    file->at += count;
    return file->bytes + file->at - count;
}

static uint64_t number(const unsigned char *at, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--) {
        value = value << 8 | at[i];
    }
    return value;
}

static uint64_t take_number(GgufFile *file, int bytes)
{
    return number(take(file, (uint64_t)bytes), bytes);
}

static void skip_value(GgufFile *file, uint32_t kind)
{
    switch (kind) {
    case U32:
    case I32:
    case F32: take(file, 4); return;
    case BOOL: assert_true(take_number(file, 1) <= 1); return;
    case TEXT: take(file, take_number(file, 8)); return;
    case LIST: {
        const uint32_t of = (uint32_t)take_number(file, 4);
        assert_true(of != LIST);
        for (uint64_t left = take_number(file, 8); left > 0; left--) {
            skip_value(file, of);
        }
        return;
    }
    default: fail_msg("a value of kind %u before byte %zu", kind, file->at);
    }
}

static void read_keys(GgufFile *file)
{
    for (uint64_t i = 0; i < file->key_count; i++) {
        Key *key        = &file->keys[i];
        key->name_bytes = take_number(file, 8);
        key->name       = take(file, key->name_bytes);
        key->kind       = (uint32_t)take_number(file, 4);
        key->value      = file->bytes + file->at;
        skip_value(file, key->kind);
        for (uint64_t j = 0; j < i; j++) {
            const Key *other = &file->keys[j];
            assert_false(other->name_bytes == key->name_bytes && memcmp(other->name, key->name, key->name_bytes) == 0);
        }
    }
}

static uint64_t bytes_of(const GgufInfo *info)
{
    uint64_t values = 1;
    for (uint32_t d = 0; d < info->rank; d++) {
        values *= info->shape[d];
    }
    switch (info->type) {
    case TYPE_F32: return values * 4;
    case TYPE_F16:
    case TYPE_BF16: return values * 2;
    case TYPE_Q8_0: assert_int_equal(info->shape[0] % 32, 0); return values / 32 * 34;
    default: fail_msg("%s has type %u", info->name, info->type);
    }
    return 0;
}

/* Tensors lie one behind the other, each at the next multiple of 32, and end with the file. */
static void read_tensors(GgufFile *file)
{
    uint64_t next = 0;
    for (uint64_t i = 0; i < file->tensor_count; i++) {
        GgufInfo      *info   = &file->tensors[i];
        const uint64_t length = take_number(file, 8);
        assert_in_range(length, 1, 63);
        memcpy(info->name, take(file, length), length);
        info->rank = (uint32_t)take_number(file, 4);
        assert_in_range(info->rank, 1, 4);
        for (uint32_t d = 0; d < info->rank; d++) {
            info->shape[d] = take_number(file, 8);
        }
        info->type   = (uint32_t)take_number(file, 4);
        info->offset = take_number(file, 8);
        assert_int_equal(info->offset, next);
        next = (info->offset + bytes_of(info) + 31) / 32 * 32;
    }
    while (file->at % 32 != 0) {
        assert_int_equal(take_number(file, 1), 0);
    }
    assert_int_equal(file->size - file->at, next);
    for (uint64_t i = 0; i < file->tensor_count; i++) {
        file->tensors[i].data = file->bytes + file->at + file->tensors[i].offset;
    }
}

GgufFile *gguf_read(const char *path)
{
    GgufFile *file = calloc(1, sizeof *file);
    assert_non_null(file);
    file->bytes = (unsigned char *)fixture_text(path, &file->size);
    assert_memory_equal(take(file, 4), "GGUF", 4);
    assert_int_equal(take_number(file, 4), 3);
    file->tensor_count = take_number(file, 8);
    file->key_count    = take_number(file, 8);
    file->keys         = calloc(file->key_count + 1, sizeof *file->keys);
    file->tensors      = calloc(file->tensor_count + 1, sizeof *file->tensors);
    assert_true(file->keys != NULL && file->tensors != NULL);
    read_keys(file);
    read_tensors(file);
    return file;
}

void gguf_close(GgufFile *file)
{
    free(file->bytes);
    free(file->keys);
    free(file->tensors);
    free(file);
}

/* --- metadata */

static const Key *find(const GgufFile *file, const char *name)
{
    for (uint64_t i = 0; i < file->key_count; i++) {
        if (file->keys[i].name_bytes == strlen(name) && memcmp(file->keys[i].name, name, strlen(name)) == 0) {
            return &file->keys[i];
        }
    }
    return NULL;
}

static const unsigned char *value_of(const GgufFile *file, const char *name, uint32_t kind)
{
    const Key *key = find(file, name);
    if (key == NULL || key->kind != kind) {
        fail_msg("the key %s is %s", name, key == NULL ? "missing" : "of another kind");
        return NULL;
    }
    return key->value;
}

bool gguf_has(const GgufFile *file, const char *key)
{
    return find(file, key) != NULL;
}

uint64_t gguf_key_count(const GgufFile *file)
{
    return file->key_count;
}

uint32_t gguf_u32(const GgufFile *file, const char *key)
{
    return (uint32_t)number(value_of(file, key, U32), 4);
}

float gguf_float(const GgufFile *file, const char *key)
{
    float value;
    memcpy(&value, value_of(file, key, F32), sizeof value);
    return value;
}

bool gguf_bool(const GgufFile *file, const char *key)
{
    return value_of(file, key, BOOL)[0] == 1;
}

static const char *text_at(const unsigned char *at)
{
    enum { BUFFERS = 4, SIZE = 1 << 16 };
    static char    buffers[BUFFERS][SIZE];
    static int     turn;
    char          *buffer = buffers[turn++ % BUFFERS];
    const uint64_t bytes  = number(at, 8);
    assert_true(bytes < SIZE);
    memcpy(buffer, at + 8, bytes);
    buffer[bytes] = '\0';
    return buffer;
}

const char *gguf_text(const GgufFile *file, const char *key)
{
    return text_at(value_of(file, key, TEXT));
}

uint64_t gguf_list_count(const GgufFile *file, const char *key)
{
    return number(value_of(file, key, LIST) + 4, 8);
}

const char *gguf_list_text_at(const GgufFile *file, const char *key, uint64_t index)
{
    const unsigned char *at = value_of(file, key, LIST);
    assert_int_equal(number(at, 4), TEXT);
    assert_true(index < number(at + 4, 8));
    for (at += 12; index > 0; index--) {
        at += 8 + number(at, 8);
    }
    return text_at(at);
}

int32_t gguf_list_i32_at(const GgufFile *file, const char *key, uint64_t index)
{
    const unsigned char *at = value_of(file, key, LIST);
    assert_int_equal(number(at, 4), I32);
    assert_true(index < number(at + 4, 8));
    return (int32_t)number(at + 12 + 4 * index, 4);
}

/* --- tensors */

uint64_t gguf_tensor_count(const GgufFile *file)
{
    return file->tensor_count;
}

const GgufInfo *gguf_tensor(const GgufFile *file, const char *name)
{
    for (uint64_t i = 0; i < file->tensor_count; i++) {
        if (strcmp(file->tensors[i].name, name) == 0) {
            return &file->tensors[i];
        }
    }
    return NULL;
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Normal halves and zeros: tests write no others. */
static float half(const unsigned char *at)
{
    const uint32_t bits = (uint32_t)number(at, 2), exponent = bits >> 10 & 31;
    const float    sign = bits >> 15 ? -1.0f : 1.0f;
    if (exponent == 0) {
        return sign * (float)(bits & 1023) / 16777216.0f;
    }
    return sign * from_bits((exponent + 112) << 23 | (bits & 1023) << 13);
}

float *gguf_f32(const GgufFile *file, const char *name, uint64_t *columns, uint64_t *rows)
{
    const GgufInfo *info = gguf_tensor(file, name);
    if (info == NULL) {
        fail_msg("there is no tensor %s", name);
        return NULL;
    }
    *columns              = info->shape[0];
    *rows                 = info->rank > 1 ? info->shape[1] : 1;
    const uint64_t count  = *columns * *rows;
    float         *values = malloc((count + 1) * sizeof *values);
    assert_non_null(values);
    for (uint64_t i = 0; i < count; i++) {
        const unsigned char *block = info->data + i / 32 * 34;
        switch (info->type) {
        case TYPE_F32: values[i] = from_bits((uint32_t)number(info->data + 4 * i, 4)); break;
        case TYPE_F16: values[i] = half(info->data + 2 * i); break;
        case TYPE_BF16: values[i] = from_bits((uint32_t)number(info->data + 2 * i, 2) << 16); break;
        default: values[i] = half(block) * (float)(int8_t)block[2 + i % 32]; break;
        }
    }
    return values;
}
