/* What is packed unpacks to the same bytes, and is small where it can be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/random.h"
#include "tests/support/png.h"
#include "tui/deflate.h"
#include "tui/huffman.h"

static size_t round_trip(const uint8_t *data, size_t bytes)
{
    size_t   packed_bytes, unpacked_bytes;
    uint8_t *packed = deflate_zlib(data, bytes, &packed_bytes);
    assert_non_null(packed);
    uint8_t *unpacked = png_inflate(packed, packed_bytes, &unpacked_bytes);
    assert_non_null(unpacked);
    assert_int_equal(unpacked_bytes, bytes);
    assert_memory_equal(unpacked, data, bytes);
    /* The sum at the end, which the unpacker does not look at (RFC 1950). */
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < bytes; i++) {
        a = (a + data[i]) % 65521;
        b = (b + a) % 65521;
    }
    const uint8_t sum[4] = {(uint8_t)(b >> 8), (uint8_t)b, (uint8_t)(a >> 8), (uint8_t)a};
    assert_memory_equal(packed + packed_bytes - 4, sum, 4);
    assert_int_equal(((packed[0] << 8) | packed[1]) % 31, 0);
    free(packed);
    free(unpacked);
    return packed_bytes;
}

static void test_bytes_of_every_kind_come_back(void **state)
{
    (void)state;
    enum { BYTES = 300000 };
    Random   random = random_stream(5, RANDOM_TEST, 0, 0);
    uint8_t *data   = calloc(BYTES, 1);
    assert_non_null(data);
    for (size_t bytes = 0; bytes < 20; bytes++) {
        round_trip(data, bytes);
    }
    assert_true(round_trip(data, BYTES) < 400); /* a run */
    for (size_t i = 0; i < BYTES; i++) {
        data[i] = (uint8_t)random_u32(&random);
    }
    assert_true(round_trip(data, BYTES) < BYTES + BYTES / 500); /* noise */
    memcpy(data + 32767, data, 32767); /* a copy just within the window, and one just outside */
    memcpy(data + 100000, data + 100000 - 32769, 30000);
    assert_true(round_trip(data, BYTES) < BYTES - 30000);
    for (size_t i = 0; i < BYTES; i++) {
        data[i] = (uint8_t)(i % 3000 < 2900 ? 255 : 255 - i % 7);
    }
    assert_true(round_trip(data, BYTES) < 4000);
    for (int trial = 0; trial < 60; trial++) { /* runs, copies and noise of all lengths */
        const size_t total = random_below(&random, trial < 50 ? 3000 : BYTES);
        for (size_t at = 0; at < total;) {
            size_t       run  = 1 + random_below(&random, random_below(&random, 3) == 0 ? 700 : 5);
            const size_t back = at > 0 ? 1 + random_below(&random, (uint32_t)(at < 40000 ? at : 40000)) : 0;
            for (; run > 0 && at < total; run--, at++) {
                data[at] = back > 0 && run % 2 == 0 ? data[at - back]
                                                    : (uint8_t)random_below(&random, trial % 5 == 0 ? 256 : 3);
            }
        }
        round_trip(data, total);
    }
    free(data);
}

/* A prefix code that leaves nothing unused, and is no longer than it may be. */
static void check_codes(const uint32_t *frequencies, int symbols, int limit)
{
    HuffmanCode codes[HUFFMAN_MAX_SYMBOLS];
    huffman_codes(frequencies, symbols, limit, codes);
    uint32_t taken = 0;
    for (int i = 0; i < symbols; i++) {
        assert_int_equal(codes[i].length > 0, frequencies[i] > 0);
        assert_true(codes[i].length <= limit);
        taken += codes[i].length > 0 ? 1u << (limit - codes[i].length) : 0;
        for (int j = 0; j < i; j++) {
            if (codes[i].length > 0 && codes[j].length > 0) {
                const int      shorter = codes[i].length < codes[j].length ? codes[i].length : codes[j].length;
                const uint32_t mask    = (1u << shorter) - 1;
                assert_int_not_equal(codes[i].bits & mask, codes[j].bits & mask);
                assert_true(frequencies[i] <= frequencies[j] || codes[i].length <= codes[j].length);
            }
        }
    }
    assert_int_equal(taken, 1u << limit);
}

static void test_codes_are_complete_and_within_the_limit(void **state)
{
    (void)state;
    uint32_t fibonacci[40] = {1, 1};
    for (int i = 2; i < 40; i++) { /* a tree of 39 levels, were it not for the limit */
        fibonacci[i] = fibonacci[i - 1] + fibonacci[i - 2];
    }
    check_codes(fibonacci, 40, 15);
    check_codes(fibonacci, 19, 7);
    check_codes(fibonacci, 2, 7);
    Random random = random_stream(6, RANDOM_TEST, 0, 0);
    for (int trial = 0; trial < 200; trial++) {
        uint32_t frequencies[HUFFMAN_MAX_SYMBOLS];
        for (int i = 0; i < HUFFMAN_MAX_SYMBOLS; i++) {
            frequencies[i] =
                i < 2 || random_below(&random, 3) > 0 ? 1 + random_below(&random, 1u << random_below(&random, 20)) : 0;
        }
        check_codes(frequencies, 2 + (int)random_below(&random, HUFFMAN_MAX_SYMBOLS - 1), 15);
    }
    /* One symbol, or none, still is a code of one bit. */
    HuffmanCode    codes[3];
    const uint32_t one[3] = {0, 9, 0}, none[3] = {0, 0, 0};
    huffman_codes(one, 3, 15, codes);
    assert_int_equal(codes[1].length, 1);
    assert_int_equal(codes[0].length + codes[2].length, 0);
    huffman_codes(none, 3, 15, codes);
    assert_int_equal(codes[0].length, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_of_every_kind_come_back),
        cmocka_unit_test(test_codes_are_complete_and_within_the_limit),
    };
    return cmocka_run_group_tests_name("deflate", tests, NULL, NULL);
}
