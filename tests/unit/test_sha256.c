/* SHA-256: the examples of FIPS 180-4 and NIST's, whatever the pieces; and a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "engine/io/sha256.h"
#include "tests/support/fixture.h"

static void sum_of(const char *text, size_t length, size_t piece, char hex[SHA256_HEX])
{
    Sha256 sha;
    sha256_begin(&sha);
    for (size_t at = 0; at < length; at += piece) {
        sha256_add(&sha, text + at, length - at < piece ? length - at : piece);
    }
    sha256_end(&sha, hex);
}

static void published_examples_in_any_pieces(void **state)
{
    static const struct {
        const char *text, *sum;
    } examples[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqr"
         "stu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        for (size_t piece = 1; piece < 130; piece++) {
            char hex[SHA256_HEX];
            sum_of(examples[i].text, strlen(examples[i].text), piece, hex);
            assert_string_equal(hex, examples[i].sum);
        }
    }
}

static void a_million_letters_in_a_file(void **state)
{
    static char text[1000000];
    const char *path = fixture_path(fixture_directory(), "million");
    char        hex[SHA256_HEX];
    Error       error = {0};
    (void)state;
    memset(text, 'a', sizeof text);
    assert_int_equal(file_write_atomic(path, text, sizeof text, &error), STATUS_OK);
    assert_int_equal(sha256_file(path, hex, &error), STATUS_OK);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_int_equal(sha256_file(fixture_path(fixture_directory(), "none"), hex, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "none"));
    assert_int_equal(sha256_file(fixture_directory(), hex, &error), STATUS_BAD_INPUT);
    error = (Error){0};
    assert_int_equal(sha256_file("/dev/zero", hex, &error), STATUS_BAD_INPUT); /* which has no end */
    assert_non_null(strstr(error.text, "/dev/zero is a device or a pipe"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_examples_in_any_pieces),
        cmocka_unit_test(a_million_letters_in_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
