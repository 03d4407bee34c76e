#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/random.h"

/* Known answers published with Random123 (kat_vectors, philox4x32 10 rounds). */
static void philox_gives_the_published_vectors(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint32_t out[4];
        philox4x32(out, vectors[i].counter, vectors[i].key);
        assert_memory_equal(out, vectors[i].out, sizeof out);
    }
}

static void a_stream_is_its_blocks_in_order(void **state)
{
    (void)state;
    Random random = random_stream(0x1122334455667788u, RANDOM_TASK, 7, 9);
    for (uint32_t block = 0; block < 3; block++) {
        uint32_t counter[4] = {block, 9, 7, RANDOM_TASK}, key[2] = {0x55667788, 0x11223344}, out[4];
        philox4x32(out, counter, key);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(random_u32(&random), out[i]);
        }
    }
}

static void streams_differ_in_each_of_their_names(void **state)
{
    (void)state;
    Random   streams[] = {random_stream(1, RANDOM_TASK, 0, 0), random_stream(2, RANDOM_TASK, 0, 0),
                          random_stream(1, RANDOM_DEMO, 0, 0), random_stream(1, RANDOM_TASK, 1, 0),
                          random_stream(1, RANDOM_TASK, 0, 1), random_stream(1 + (1ull << 32), RANDOM_TASK, 0, 0)};
    uint32_t firsts[6];
    for (int i = 0; i < 6; i++) {
        firsts[i] = random_u32(&streams[i]);
        for (int j = 0; j < i; j++) {
            assert_int_not_equal(firsts[i], firsts[j]);
        }
    }
}

static void below_is_uniform_and_in_range(void **state)
{
    (void)state;
    enum { DRAWS = 60000, BOUND = 6 };
    Random random        = random_stream(5, RANDOM_TEST, 0, 0);
    int    counts[BOUND] = {0};
    for (int i = 0; i < DRAWS; i++) {
        uint32_t value = random_below(&random, BOUND);
        assert_true(value < BOUND);
        counts[value]++;
    }
    double chi2 = 0, expected = (double)DRAWS / BOUND;
    for (int i = 0; i < BOUND; i++) {
        chi2 += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    assert_true(chi2 < 20.5); /* 5 degrees of freedom: p = .001 */
    assert_int_equal(random_below(&random, 1), 0);
}

static void normal_has_mean_0_and_variance_1(void **state)
{
    (void)state;
    enum { DRAWS = 40000 };
    Random random = random_stream(6, RANDOM_TEST, 0, 0);
    double sum = 0, squares = 0;
    for (int i = 0; i < DRAWS; i++) {
        double x = random_normal(&random);
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / DRAWS) < 0.02);
    assert_true(fabs(squares / DRAWS - 1) < 0.03);
}

static void uniform_is_24_bits_below_1(void **state)
{
    (void)state;
    Random random = random_stream(7, RANDOM_TEST, 0, 0), same = random;
    for (int i = 0; i < 1000; i++) {
        double x = random_uniform(&random);
        assert_true(x >= 0 && x < 1);
        assert_true(x * 16777216.0 == (double)(random_u32(&same) >> 8));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_vectors),    cmocka_unit_test(a_stream_is_its_blocks_in_order),
        cmocka_unit_test(streams_differ_in_each_of_their_names), cmocka_unit_test(below_is_uniform_and_in_range),
        cmocka_unit_test(normal_has_mean_0_and_variance_1),      cmocka_unit_test(uniform_is_24_bits_below_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
