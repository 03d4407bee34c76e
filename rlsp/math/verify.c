#include "rlsp/math/verify.h"

#include <stdlib.h>
#include <string.h>

#include "rlsp/math/compare.h"
#include "rlsp/math/parse.h"
#include "rlsp/math/points.h"
#include "rlsp/math/problem.h"
#include "rlsp/math/text.h"

/* Everything that one verdict needs. */
typedef struct Judge {
    MathTokens gold_tokens, answer_tokens;
    MathTree   gold, answer;
    MathNames  names;
    MathWork   work;
} Judge;

MathOptions math_options_default(void)
{
    return (MathOptions){.rounded_digits = 6};
}

static const char *reason_text(MathReason reason)
{
    static const char *const texts[MATH_REASON_COUNT] = {"correct",
                                                         "wrong value",
                                                         "empty answer",
                                                         "answer not understood",
                                                         "answer has no value",
                                                         "limit of work or size",
                                                         "copy of the problem's expression"};
    return texts[reason];
}

static void say(MathVerdict *verdict, MathReason reason, const char *rule)
{
    verdict->code    = reason;
    verdict->correct = reason == MATH_CORRECT;
    verdict->reason  = reason_text(reason);
    verdict->rule    = rule;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

/* A backslash that no other one escapes stands at the end: what is left of a "\\ " whose space was cut off. */
static bool ends_in_backslash(const char *text, size_t length)
{
    size_t count = 0;
    while (count < length && text[length - 1 - count] == '\\') {
        count++;
    }
    return count % 2 == 1;
}

static void trim(const char **text, size_t *length)
{
    while (*length > 0 && (is_blank((*text)[*length - 1]) || ends_in_backslash(*text, *length))) {
        --*length;
    }
    while (*length > 0 && is_blank(**text)) {
        ++*text;
        --*length;
    }
}

static MathReason reason_of(MathSameness same, MathStatus status)
{
    if (same != MATH_UNDECIDED) {
        return same == MATH_SAME ? MATH_CORRECT : MATH_WRONG;
    }
    return status == MATH_UNDEFINED ? MATH_NO_VALUE : status == MATH_LIMIT ? MATH_TOO_MUCH : MATH_NOT_UNDERSTOOD;
}

/* Reads the answer with its commas taken one way, and compares. */
static void compare(Judge *judge, int gold_root, const char *text, size_t length, MathCommas commas, MathCompare *how,
                    MathVerdict *verdict)
{
    int        root;
    MathStatus status = math_tokens_read(&judge->answer_tokens, text, length, commas);
    math_tree_clear(&judge->answer);
    if (status == MATH_OK) {
        status = math_parse(&judge->answer, &judge->answer_tokens, &root);
    }
    if (status != MATH_OK) {
        say(verdict, reason_of(MATH_UNDECIDED, status), "the answer cannot be read");
        return;
    }
    how->rule         = "";
    how->equal.status = MATH_OK;
    MathSameness same = math_compare(how, &judge->gold, gold_root, &judge->answer, root);
    say(verdict, reason_of(same, how->equal.status), how->rule);
}

/* Words and choices; false: the gold answer is neither. */
static bool compare_texts(Judge *judge, bool readable, MathVerdict *verdict)
{
    const MathTokens *gold = &judge->gold_tokens, *answer = &judge->answer_tokens;
    uint32_t          wanted = math_choices(gold, true);
    if (wanted != 0) {
        say(verdict, math_choices(answer, false) == wanted ? MATH_CORRECT : MATH_WRONG, "multiple choice");
        return true;
    }
    if (!readable || math_is_words(gold)) {
        bool formula = math_has_unknown(gold);
        say(verdict,
            math_texts_same(gold, answer, formula ? MATH_TEXT_ANY_SPACE : MATH_TEXT_ANY_CASE) ? MATH_CORRECT
                                                                                              : MATH_WRONG,
            formula ? "text of a formula that is not understood" : "text, in any case of letters");
        return true;
    }
    if (math_texts_same(gold, answer, MATH_TEXT_EXACT)) {
        say(verdict, MATH_CORRECT, "the same text but for its style");
        return true;
    }
    return false;
}

static void decide(Judge *judge, const char *gold, size_t gold_length, const char *answer, size_t length,
                   const MathOptions *options, MathVerdict *verdict)
{
    int        root   = -1;
    MathStatus status = math_tokens_read(&judge->answer_tokens, answer, length, MATH_COMMAS_ARE_GROUPS);
    if (status != MATH_OK) {
        say(verdict, MATH_TOO_MUCH, "the answer is too long or too deep");
        return;
    }
    status = math_tokens_read(&judge->gold_tokens, gold, gold_length, MATH_COMMAS_ARE_GROUPS);
    if (status != MATH_OK) {
        say(verdict, MATH_TOO_MUCH, "the reference is too long or too deep");
        return;
    }
    status        = math_parse(&judge->gold, &judge->gold_tokens, &root);
    bool readable = status == MATH_OK;
    if (compare_texts(judge, readable, verdict)) {
        return;
    }
    MathCompare how  = {.equal   = {.work           = &judge->work,
                                    .names          = &judge->names,
                                    .seed           = math_hash(math_hash(0x6D617468, gold, gold_length), answer, length),
                                    .rounded_digits = options->rounded_digits},
                        .ordered = options->problem != NULL &&
                                   math_problem_asks_order(options->problem, options->problem_length)};
    bool        list = math_is_list(&judge->gold, root);
    compare(judge, root, answer, length, list ? MATH_COMMAS_SEPARATE : MATH_COMMAS_ARE_GROUPS, &how, verdict);
    if (list && !verdict->correct && memchr(answer, ',', length) != NULL) { /* 1,000 and 2,000 */
        compare(judge, root, answer, length, MATH_COMMAS_ARE_GROUPS, &how, verdict);
    }
    if (verdict->correct && options->problem != NULL &&
        math_problem_holds(options->problem, options->problem_length, &judge->gold_tokens, &judge->answer_tokens)) {
        say(verdict, MATH_COPIED, "the answer stands in the problem as it is and is not how the reference is written");
    }
}

static MathGold gold_kind(Judge *judge, const char *gold, size_t length)
{
    int root;
    if (math_tokens_read(&judge->gold_tokens, gold, length, MATH_COMMAS_ARE_GROUPS) != MATH_OK) {
        return MATH_GOLD_TOO_MUCH;
    }
    if (math_choices(&judge->gold_tokens, true) != 0 || math_is_words(&judge->gold_tokens)) {
        return MATH_GOLD_WORDS;
    }
    const MathStatus status = math_parse(&judge->gold, &judge->gold_tokens, &root);
    return status == MATH_OK ? MATH_GOLD_VALUE : MATH_GOLD_NOT_UNDERSTOOD;
}

MathGold math_gold(const char *gold, size_t length)
{
    MathGold kind = MATH_GOLD_TOO_MUCH; /* also where memory is short */
    trim(&gold, &length);
    if (length == 0) {
        return MATH_GOLD_EMPTY;
    }
    Judge *judge = malloc(sizeof *judge);
    if (judge == NULL) {
        return kind;
    }
    judge->names.count = 0;
    judge->work.left   = MATH_WORK;
    if (math_tree_init(&judge->gold, &judge->names)) {
        kind = gold_kind(judge, gold, length);
    }
    math_tree_free(&judge->gold);
    mpfr_free_cache();
    free(judge);
    return kind;
}

void math_verify(const char *gold, size_t gold_length, const char *answer, size_t length, const MathOptions *options,
                 MathVerdict *verdict)
{
    const MathOptions defaults = math_options_default();
    *verdict                   = (MathVerdict){0};
    options                    = options == NULL ? &defaults : options;
    trim(&gold, &gold_length);
    trim(&answer, &length);
    if (length == 0) {
        say(verdict, MATH_EMPTY, "the answer is empty");
        return;
    }
    if (length == gold_length && memcmp(gold, answer, length) == 0) {
        say(verdict, MATH_CORRECT, "the same text");
        return;
    }
    Judge *judge = malloc(sizeof *judge);
    if (judge == NULL) {
        say(verdict, MATH_TOO_MUCH, "out of memory");
        return;
    }
    judge->names.count = 0;
    judge->work.left   = MATH_WORK;
    bool first         = math_tree_init(&judge->gold, &judge->names);
    bool second        = math_tree_init(&judge->answer, &judge->names);
    if (first && second) {
        decide(judge, gold, gold_length, answer, length, options, verdict);
    } else {
        say(verdict, MATH_TOO_MUCH, "out of memory");
    }
    verdict->work = MATH_WORK - judge->work.left;
    math_tree_free(&judge->gold);
    math_tree_free(&judge->answer);
    mpfr_free_cache();
    free(judge);
}
