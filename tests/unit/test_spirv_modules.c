/* The interpreter of SPIR-V on modules that are none: cut short, or with other words in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/spirv_rig.h"

/* A shader, or NULL and an error of one line. */
static Shader *attempt(const uint32_t *words, size_t count, const char *entry)
{
    char    error[SHADER_ERROR] = "";
    Shader *shader              = NULL;
    if (!shader_create(words, count, entry, NULL, 0, &shader, error)) {
        assert_null(shader);
        assert_true(error[0] != '\0' && strchr(error, '\n') == NULL);
    }
    return shader;
}

/* A few words changed: an error, or a shader, but no crash. */
static void broken_modules(void **state)
{
    (void)state;
    static const char *const names[] = {"arithmetic", "control", "shared"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        size_t    count;
        uint32_t *words = rig_module(names[n], &count);
        assert_non_null(words);
        uint32_t *broken = malloc(count * 4);
        uint64_t  seed   = n;
        assert_null(attempt(words, count, "other"));
        for (size_t cut = 0; cut + 1 < count; cut++) { /* without OpFunctionEnd nothing is missing */
            assert_null(attempt(words, cut, "main"));
        }
        for (int i = 0; i < 3000; i++) {
            memcpy(broken, words, count * 4);
            for (uint32_t k = 0; k <= rig_random(&seed) % 3; k++) {
                const uint32_t to                           = rig_random(&seed);
                broken[5 + rig_random(&seed) % (count - 5)] = i % 2 ? to : to % 400;
            }
            shader_destroy(attempt(broken, count, "main"));
        }
        free(words);
        free(broken);
    }
}

/* Each operand made each other id, but for labels': an error, or it runs to an end, a fault, or for too long. */
static void wrong_operands(void **state)
{
    (void)state;
    static const char *const names[] = {"halves", "subgroups", "control", "shared"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        size_t    count;
        uint32_t *words = rig_module(names[n], &count);
        assert_non_null(words);
        for (size_t at = 5, operand = 1; at < count; operand++) {
            const uint32_t code = words[at] & 0xffff;
            if (operand >= words[at] >> 16 || (code >= 248 && code <= 251)) { /* OpLabel to OpSwitch */
                at += words[at] >> 16;
                operand = 0;
                continue;
            }
            const uint32_t was = words[at + operand];
            for (uint32_t id = 0; id < words[3]; id++) {
                words[at + operand] = id;
                Rig rig             = {.shader = attempt(words, count, "main")};
                if (rig.shader == NULL) {
                    continue;
                }
                rig.dispatch = (ShaderDispatch){.shader       = rig.shader,
                                                .groups       = {1, 1, 1},
                                                .subgroup     = 8,
                                                .memories     = rig.all,
                                                .memory_count = 2,
                                                .steps        = 500};
                rig_bind(&rig, 0, 512), rig_bind(&rig, 1, 512);
                if (shader_run(&rig.dispatch, rig.error) != SHADER_DONE) {
                    assert_true(rig.error[0] != '\0' && strchr(rig.error, '\n') == NULL);
                }
                rig_close(&rig);
            }
            words[at + operand] = was;
        }
        free(words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(broken_modules), cmocka_unit_test(wrong_operands)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
