/* Keys of a terminal: what each sequence is, however it is torn, and that no bytes do harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tui/terminal/terminal_parts.h"

enum { KEYS_MAX = 256 };

static TerminalCaps caps = {
    .utf8      = true,
    .keys      = {{.text = {3, "\033Oq"}, .code = KEY_CODE_F2}, {.text = {2, "\033A"}, .code = KEY_CODE_UP}},
    .key_count = 2};

/* All keys of some bytes, of which the first `known` came at first and the others one by one. Every call must take
 * something or ask for more. */
static int read_keys(const char *bytes, size_t length, size_t known, bool final, TerminalKey *keys)
{
    size_t at    = 0;
    int    count = 0;
    while (at < length && known <= length) {
        TerminalKey    key;
        size_t         used   = 0;
        const size_t   window = known - at > KEY_BYTES_MAX ? KEY_BYTES_MAX : known - at;
        const bool     last   = final && known == length;
        const KeyFound found =
            window == 0 ? KEY_PARTIAL : keys_next(&caps, bytes + at, window, last, false, &key, &used);
        if (found == KEY_PARTIAL) {
            if (known == length) {
                assert_false(final);
                return count;
            }
            known++;
            continue;
        }
        assert_in_range(used, 1, window);
        at += used;
        if (found == KEY_FOUND) {
            assert_true(key.code > 0 && key.code <= KEY_CODE_WHEEL_DOWN && key.x >= 0 && key.y >= 0);
            assert_true(count < KEYS_MAX);
            keys[count++] = key;
        }
    }
    return count;
}

typedef struct Case {
    const char *bytes;
    int         codes[4]; /* 0-terminated if fewer */
} Case;

static const Case cases[] = {
    {"a ~", {'a', ' ', '~'}},
    {"\t\r\n\177", {KEY_CODE_TAB, KEY_CODE_ENTER, KEY_CODE_ENTER, KEY_CODE_BACKSPACE}},
    {"\b\003\001", {KEY_CODE_BACKSPACE, 3, 1}},
    {"\033[A\033[B\033[C\033[D", {KEY_CODE_UP, KEY_CODE_DOWN, KEY_CODE_RIGHT, KEY_CODE_LEFT}},
    {"\033OA\033[1;5B\033[1;2P\033[Z", {KEY_CODE_UP, KEY_CODE_DOWN, KEY_CODE_F1, KEY_CODE_BACK_TAB}},
    {"\033[H\033[F\033[1~\033[4~", {KEY_CODE_HOME, KEY_CODE_END, KEY_CODE_HOME, KEY_CODE_END}},
    {"\033[7~\033[8~\033[5~\033[6~", {KEY_CODE_HOME, KEY_CODE_END, KEY_CODE_PAGE_UP, KEY_CODE_PAGE_DOWN}},
    {"\033[3~\033OP\033[11~\033[12;2~", {KEY_CODE_DELETE, KEY_CODE_F1, KEY_CODE_F1, KEY_CODE_F2}},
    {"\033[[A\033[[B\033[[Cx", {KEY_CODE_F1, KEY_CODE_F2, 'x'}},
    {"\033OM\033Op\033Oy\033Ok", {KEY_CODE_ENTER, '0', '9', '+'}},
    {"\033Oq\033A", {KEY_CODE_F2, KEY_CODE_UP}}, /* as described above */
    {"\033x\033]", {KEY_CODE_ESCAPE, 'x', KEY_CODE_ESCAPE, ']'}},
    {"\033\033[B", {KEY_CODE_ESCAPE, KEY_CODE_DOWN}},
    {"\033[200~p\033[201~\033[I\033[?62;1;6c\033[>41;370;0cq", {'p', 'q'}},
    {"\033[24;80Rz\033[99999999999999999999~w", {'z', 'w'}},
    {"\033[12\033[A\033[1\303\251", {KEY_CODE_UP, 0xE9}},
    {"\303\251\342\202\254\360\237\230\200", {0xE9, 0x20AC, 0x1F600}},
    {"\300\200a\355\240\200b\364\220\200\200c\302\205", {'a', 'b', 'c'}}, /* overlong, a surrogate, too large, C1 */
    {"\303a\342\202b\377c\200", {'a', 'b', 'c'}},
    {"\033", {KEY_CODE_ESCAPE}},
    {"\033[", {KEY_CODE_ESCAPE, '['}},
    {"\033O", {KEY_CODE_ESCAPE, 'O'}},
    {"\342\202", {0}},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t length = strlen(cases[i].bytes);
        int          wanted = 0;
        while (wanted < 4 && cases[i].codes[wanted] != 0) {
            wanted++;
        }
        for (size_t known = 0; known <= length; known++) {
            TerminalKey keys[KEYS_MAX];
            assert_int_equal(read_keys(cases[i].bytes, length, known, true, keys), wanted);
            for (int k = 0; k < wanted; k++) {
                assert_int_equal(keys[k].code, cases[i].codes[k]);
            }
        }
    }
}

static void test_mouse(void **state)
{
    (void)state;
    static const char        bytes[] = "\033[<0;5;6M\033[<0;5;6m\033[<64;1;1M\033[<81;300;200M\033[<35;1;1M\033[<2;1;1M"
                                       "\033[M !\"\033[Ma#$\033[M#!!";
    static const TerminalKey wanted[] = {{KEY_CODE_CLICK, 4, 5},
                                         {KEY_CODE_WHEEL_UP, 0, 0},
                                         {KEY_CODE_WHEEL_DOWN, 299, 199},
                                         {KEY_CODE_CLICK, 0, 1},
                                         {KEY_CODE_WHEEL_DOWN, 2, 3}};
    for (size_t known = 0; known < sizeof bytes; known++) {
        TerminalKey keys[KEYS_MAX];
        assert_int_equal(read_keys(bytes, sizeof bytes - 1, known, true, keys), 5);
        for (int i = 0; i < 5; i++) {
            assert_memory_equal(&keys[i], &wanted[i], sizeof keys[i]);
        }
    }
}

static void test_torn_after_escape(void **state)
{
    (void)state;
    TerminalKey key;
    size_t      used;
    assert_int_equal(keys_next(&caps, "\033", 1, false, false, &key, &used), KEY_PARTIAL);
    assert_int_equal(keys_next(&caps, "[A", 2, false, true, &key, &used), KEY_FOUND);
    assert_int_equal(key.code, KEY_CODE_UP);
    assert_int_equal(used, 2);
    assert_int_equal(keys_next(&caps, "[<64;3;4M", 9, false, true, &key, &used), KEY_FOUND);
    assert_int_equal(key.code, KEY_CODE_WHEEL_UP);
    assert_int_equal(used, 9);
    /* a bracket that somebody typed, and one when no Escape was before it */
    assert_int_equal(keys_next(&caps, "[", 1, false, true, &key, &used), KEY_FOUND);
    assert_int_equal(key.code, '[');
    assert_int_equal(keys_next(&caps, "[A", 2, false, false, &key, &used), KEY_FOUND);
    assert_int_equal(key.code, '[');
    assert_int_equal(used, 1);
}

static void test_locale_without_utf8(void **state)
{
    (void)state;
    TerminalKey keys[KEYS_MAX];
    caps.utf8 = false;
    assert_int_equal(read_keys("\303\251z\033[A\344", 7, 7, true, keys), 2);
    assert_int_equal(keys[0].code, 'z');
    assert_int_equal(keys[1].code, KEY_CODE_UP);
    caps.utf8 = true;
}

/* Random bytes, mostly of the kind that sequences are made of: torn anywhere they are the same keys. */
static void test_any_bytes(void **state)
{
    (void)state;
    static const char usual[] = "\033\033\033[[[O<;M0123456789AB~m?\303\251\342\202\360";
    srand(1);
    for (int round = 0; round < 20000; round++) {
        char         bytes[48];
        TerminalKey  whole[KEYS_MAX], torn[KEYS_MAX];
        const size_t length = (size_t)(1 + rand() % (int)sizeof bytes);
        for (size_t i = 0; i < length; i++) {
            bytes[i] = rand() % 8 == 0 ? (char)rand() : usual[(size_t)rand() % (sizeof usual - 1)];
        }
        const int count = read_keys(bytes, length, length, true, whole);
        assert_int_equal(read_keys(bytes, length, 0, true, torn), count);
        assert_memory_equal(whole, torn, (size_t)count * sizeof *whole);
    }
    char longest[KEY_BYTES_MAX * 4];
    memset(longest, '1', sizeof longest);
    memcpy(longest, "\033[", 2);
    TerminalKey keys[KEYS_MAX];
    read_keys(longest, sizeof longest, sizeof longest, false, keys); /* ends */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_mouse),
        cmocka_unit_test(test_torn_after_escape),
        cmocka_unit_test(test_locale_without_utf8),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests_name("terminal keys", tests, NULL, NULL);
}
