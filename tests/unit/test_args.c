/* args: every kind of option, every kind of mistake. The command line is no
 * library, so its parser is compiled in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rlsp/cli/args.c"

static bool        flag;
static const char *text;
static int64_t     whole;
static double      real;
static int         choice;
static ArgsList    list;
static const char *rest[2];
static int         rest_count;

static const char *const choices[] = {"one", "two", NULL};

static const ArgsOption options[] = {
    {.name = "json", .type = ARGS_FLAG, .value = &flag, .help = "a flag", .letter = 'j'},
    {.name = "model", .type = ARGS_TEXT, .value = &text, .placeholder = "DIR", .help = "a text", .letter = 'm'},
    {.name = "n", .type = ARGS_INTEGER, .value = &whole, .placeholder = "N", .help = "an integer", .min = 1, .max = 9},
    {.name = "seed", .type = ARGS_INTEGER, .value = &whole, .placeholder = "N", .help = "without limits"},
    {.name = "temperature", .type = ARGS_REAL, .value = &real, .placeholder = "X", .help = "a number", .max = 2},
    {.name        = "kind",
     .type        = ARGS_CHOICE,
     .value       = &choice,
     .placeholder = "KIND",
     .help        = "a choice",
     .choices     = choices},
    {.name = "set", .type = ARGS_LIST, .value = &list, .placeholder = "K=V", .help = "a list"},
};

static ArgsCommand command = {.name             = "try",
                              .usage            = "[options] [A [B]]",
                              .summary          = "A test.",
                              .options          = options,
                              .option_count     = 7,
                              .positionals      = rest,
                              .max_positionals  = 2,
                              .positional_count = &rest_count};

#define PARSE(...) parse((char *[]){"try", __VA_ARGS__, NULL})

static Error error;
static bool  help;

static Status parse(char **argv)
{
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    flag = help = false;
    text        = NULL;
    whole       = 5;
    real        = 1;
    choice      = -1;
    list.count  = 0;
    rest_count  = -1;
    error       = (Error){0};
    return args_parse(&command, argc, argv, &help, &error);
}

static void expect_refused(Status status, const char *word)
{
    assert_int_equal(status, STATUS_BAD_INPUT);
    if (strstr(error.text, word) == NULL) {
        fail_msg("no \"%s\" in: %s", word, error.text);
    }
}

static void test_all_kinds(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--json", "--model", "d", "--n=3", "--temperature", "-0", "--kind", "two", "--set", "a=b",
                           "--set=c=d", "x", "-"),
                     STATUS_OK);
    assert_true(flag && whole == 3 && real == 0 && choice == 1);
    assert_string_equal(text, "d");
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0], "a=b");
    assert_string_equal(list.items[1], "c=d");
    assert_int_equal(rest_count, 2);
    assert_string_equal(rest[0], "x");
    assert_string_equal(rest[1], "-");
    assert_false(help);
}

static void test_defaults_and_last_wins(void **state)
{
    (void)state;
    assert_int_equal(parse((char *[]){"try", NULL}), STATUS_OK);
    assert_true(!flag && whole == 5 && real == 1 && text == NULL && rest_count == 0);
    assert_int_equal(PARSE("--n", "2", "--n", "4", "--seed=-7"), STATUS_OK);
    assert_int_equal(whole, -7);
    assert_int_equal(PARSE("--model=", "--", "--json"), STATUS_OK);
    assert_string_equal(text, "");
    assert_string_equal(rest[0], "--json");
    assert_false(flag);
}

static void test_letters(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-m", "d", "x", "-j"), STATUS_OK);
    assert_string_equal(text, "d");
    assert_true(flag && rest_count == 1);
    assert_int_equal(PARSE("-md=e", "-"), STATUS_OK);
    assert_string_equal(text, "d=e");
    assert_string_equal(rest[0], "-");
    assert_int_equal(PARSE("-m", "-j"), STATUS_OK); /* one dash: a value like any other */
    assert_string_equal(text, "-j");
    assert_int_equal(PARSE("--", "-m"), STATUS_OK);
    assert_string_equal(rest[0], "-m");
    expect_refused(PARSE("-m"), "--model needs a value: --model DIR");
    expect_refused(PARSE("-m", "--json"), "--model needs a value");
    expect_refused(PARSE("-jx"), "--json takes no value");
    expect_refused(PARSE("-x"), "unknown option -x");
}

static void test_numbers_beyond(void **state)
{
    (void)state;
    expect_refused(PARSE("--n", "99999999999999999999"), "--n: found 99999999999999999999, wanted 1 to 9");
    expect_refused(PARSE("--n", "-99999999999999999999"), "wanted 1 to 9");
    expect_refused(PARSE("--temperature", "1e999"), "--temperature: found 1e999, wanted 0 to 2");
    expect_refused(PARSE("--temperature", "0x1"), "--temperature: found \"0x1\", wanted a number");
    expect_refused(PARSE("--temperature", "nan"), "wanted a number");
    expect_refused(PARSE("--temperature", "inf"), "wanted a number");
    expect_refused(PARSE("--seed", "99999999999999999999"),
                   "--seed: found \"99999999999999999999\", wanted a whole number");
}

static void test_unknown(void **state)
{
    (void)state;
    expect_refused(PARSE("--modle", "d"), "--modle; did you mean --model?");
    expect_refused(PARSE("--zzzzzzzzzz"), "rlsp try --help");
    expect_refused(PARSE("--mod", "d"), "unknown option --mod"); /* no abbreviations */
    expect_refused(PARSE("-n", "3"), "unknown option -n");
    expect_refused(PARSE("a", "b", "c"), "unexpected argument \"c\"");
}

static void test_values(void **state)
{
    (void)state;
    expect_refused(PARSE("--model"), "--model needs a value: --model DIR");
    expect_refused(PARSE("--model", "--json"), "--model needs a value");
    expect_refused(PARSE("--json=yes"), "--json takes no value");
    expect_refused(PARSE("--n", "x"), "--n: found \"x\", wanted a whole number");
    expect_refused(PARSE("--n", "1.5"), "whole number");
    expect_refused(PARSE("--n", " 1"), "whole number");
    expect_refused(PARSE("--n="), "whole number");
    expect_refused(PARSE("--n", "0"), "wanted 1 to 9");
    expect_refused(PARSE("--n", "10"), "wanted 1 to 9");
    expect_refused(PARSE("--temperature", "nan"), "a number");
    expect_refused(PARSE("--temperature", "2.5"), "wanted 0 to 2");
    expect_refused(PARSE("--temperature", "1x"), "a number");
    expect_refused(PARSE("--kind", "three"), "wanted one of one, two");
}

static void test_list_is_bounded(void **state)
{
    (void)state;
    char *argv[ARGS_LIST_MAX + 3] = {"try"};
    for (int i = 1; i <= ARGS_LIST_MAX + 1; i++) {
        argv[i] = "--set=a=b";
    }
    expect_refused(parse(argv), "more than 256 times");
}

static void test_required(void **state)
{
    (void)state;
    const ArgsOption required[] = {
        {.name = "model", .type = ARGS_TEXT, .value = &text, .placeholder = "DIR", .help = "", .required = true}};
    ArgsCommand old         = command;
    command.options         = required;
    command.option_count    = 1;
    command.min_positionals = 1;
    Status status           = PARSE("x");
    expect_refused(status, "--model DIR is missing");
    expect_refused(PARSE("--model", "d"), "an argument is missing");
    assert_int_equal(PARSE("--model", "d", "x"), STATUS_OK);
    command = old;
}

static void test_help(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--nonsense", "--help"), STATUS_OK);
    assert_true(help);
    assert_int_equal(PARSE("-h"), STATUS_OK);
    assert_true(help);
    assert_int_equal(PARSE("--", "-h"), STATUS_OK);
    assert_false(help);
    char  *out  = NULL;
    size_t size = 0;
    FILE  *file = open_memstream(&out, &size);
    args_print_help(&command, file);
    fclose(file);
    assert_non_null(strstr(out, "usage: rlsp try [options] [A [B]]\n"));
    assert_non_null(strstr(out, "  --temperature X"));
    assert_non_null(strstr(out, "  -m, --model DIR"));
    assert_non_null(strstr(out, "  -j, --json"));
    assert_non_null(strstr(out, "a choice: one, two\n"));
    assert_non_null(strstr(out, "--help"));
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_kinds),
        cmocka_unit_test(test_defaults_and_last_wins),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_numbers_beyond),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_list_is_bounded),
        cmocka_unit_test(test_required),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
