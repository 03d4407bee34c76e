/* Casts of tensors' elements against PyTorch's bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/io/dtype.h"
#include "engine/io/safetensors.h"
#include "tests/support/fixture.h"

#define PARITY TEST_DATA "/parity"

static void casts_match_pytorch_bit_for_bit(void **state)
{
    (void)state;
    SafetensorsSet   *set  = fixture_open(PARITY "/numeric/dtype_cast.safetensors");
    const Safetensor *bf16 = safetensors_find(set, "bf16_bits"), *f16 = safetensors_find(set, "f16_bits");
    uint64_t          count;
    float            *values    = fixture_f32(set, "f32", &count);
    float            *from_bf16 = fixture_f32(set, "bf16_back_to_f32", NULL);
    float            *from_f16  = fixture_f32(set, "f16_back_to_f32", NULL);
    assert_true(count > 2000);
    for (uint64_t i = 0; i < count; i++) {
        uint16_t bits;
        float    back;
        assert_int_equal(safetensor_read(bf16, &bits, 2 * i, 2, NULL), STATUS_OK);
        assert_int_equal(bf16_from_f32(values[i]), bits);
        back = f32_from_bf16(bits);
        assert_memory_equal(&back, &from_bf16[i], 4);
        assert_int_equal(safetensor_read(f16, &bits, 2 * i, 2, NULL), STATUS_OK);
        assert_int_equal(f16_from_f32(values[i]), bits);
        back = f32_from_f16(bits);
        assert_memory_equal(&back, &from_f16[i], 4);
    }
    free(values);
    free(from_bf16);
    free(from_f16);
    safetensors_close(set);
}

/* Every half value survives the way to f32 and back. */
static void casts_round_trip(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        float f = f32_from_f16((uint16_t)bits), b = f32_from_bf16((uint16_t)bits);
        if (isnan(f)) {
            assert_true(isnan(f32_from_f16(f16_from_f32(f))));
        } else {
            assert_int_equal(f16_from_f32(f), bits);
        }
        if (isnan(b)) {
            assert_true(isnan(f32_from_bf16(bf16_from_f32(b))));
        } else {
            assert_int_equal(bf16_from_f32(b), bits);
        }
    }
}

static void widening_many_is_widening_each(void **state)
{
    (void)state;
    enum { ALL = 65536 };
    static uint16_t bits[ALL];
    static float    from_bf16[ALL], from_f16[ALL];
    for (uint32_t i = 0; i < ALL; i++) {
        bits[i] = (uint16_t)i;
    }
    f32_from_bf16_all(from_bf16, bits, ALL);
    f32_from_f16_all(from_f16, bits, ALL);
    for (uint32_t i = 0; i < ALL; i++) {
        const float one[2] = {f32_from_bf16((uint16_t)i), f32_from_f16((uint16_t)i)};
        assert_memory_equal(&from_bf16[i], &one[0], 4);
        assert_memory_equal(&from_f16[i], &one[1], 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(casts_match_pytorch_bit_for_bit),
        cmocka_unit_test(casts_round_trip),
        cmocka_unit_test(widening_many_is_widening_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
