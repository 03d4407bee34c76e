/* Countdown: make the target from all the numbers with + - *. */
#include <string.h>

#include "rlsp/task/chain.h"
#include "rlsp/task/common.h"
#include "rlsp/task/expression.h"

static bool countdown_held_out(const Problem *problem)
{
    uint32_t hash = 0, factor = 1;
    for (uint32_t i = 0; i < problem->count; i++) {
        hash += factor * (uint32_t)problem->numbers[i];
        factor *= 31;
    }
    hash += factor * (uint32_t)problem->target;
    return (hash * 2654435761u >> 16) % 10 == 0;
}

static void countdown_draw(const TaskConfig *config, Problem *problem, Random *random, Split split)
{
    ChainList list;
    do {
        problem->count = config->numbers;
        task_draw_numbers(random, config->numbers, config->max_number, problem->numbers);
        chains_find(&list, problem->numbers, problem->count, config->max_target);
        if (list.count > 0) {
            problem->target = chain_value(&list.chains[random_below(random, list.count)]);
        }
    } while (list.count == 0 || (split != SPLIT_ANY && countdown_held_out(problem) != (split == SPLIT_HELD_OUT)));
}

static size_t countdown_prompt(const Problem *problem, char *out, size_t size)
{
    return task_write_prompt(problem, true, out, size);
}

static bool countdown_read_prompt(const char *prompt, size_t length, Problem *problem)
{
    return task_read_prompt(prompt, length, 2, problem);
}

static void countdown_judge(const Problem *problem, const char *text, TaskVerdict *verdict)
{
    Expression expression;
    if (!expression_parse(&expression, text + verdict->answer_offset, verdict->answer_length)) {
        verdict->reason = problem->count == 3 ? "not written as (a+b)*c or a*(b+c)"
                                              : "not an expression with all its parentheses and nothing else";
    } else if (!expression_uses(&expression, problem->numbers, problem->count)) {
        verdict->reason = "does not use the problem's numbers, each once";
    } else if (expression.value.state == VALUE_DIVISION_BY_ZERO) {
        verdict->reason = "division by zero";
    } else if (expression.value.state == VALUE_TOO_LARGE) {
        verdict->reason = "limit: the value does not fit 64 bits";
    } else {
        verdict->has_value   = true;
        verdict->numerator   = expression.value.numerator;
        verdict->denominator = expression.value.denominator;
        verdict->correct     = expression_value_is(&expression, problem->target);
        verdict->reason      = verdict->correct ? "correct" : "wrong value";
    }
}

/* --- trace --------------------------------------------------------------------- */

/* An attempt being read, and the one that a "Check:" recomputes. */
typedef struct Reader {
    const Problem *problem;
    const char    *text;
    size_t         length; /* of the part before the first box    */
    bool           cut;    /* the response ends there, without box */
    TraceBuilder   builder;
    Expression     last; /* of the last attempt, if last_legal   */
    bool           last_legal;
} Reader;

/* "Try (20*3)-7=60-7=53.": as many sides as there are numbers, all of one value,
 * the last one a plain integer. Returns the index past it. */
static size_t read_attempt(Reader *reader, size_t begin)
{
    const char *text = reader->text;
    size_t      end  = begin + strlen("Try ");
    while (end < reader->length && text[end] != '\0' && strchr("0123456789()+-*/=", text[end]) != NULL) {
        end++;
    }
    if (end == begin + strlen("Try ") || (end == reader->length && reader->cut)) {
        return end; /* the word in prose, or an attempt that the limit cut short */
    }
    TraceAttempt attempt = {.offset = begin};
    size_t       from    = begin + strlen("Try ");
    uint32_t     sides   = 0;
    bool         equal   = true;
    Expression   first   = {0};
    while (from <= end && sides <= reader->problem->count) {
        size_t to = from;
        while (to < end && text[to] != '=') {
            to++;
        }
        if (sides == 0) {
            attempt.legal = expression_parse(&first, text + from, to - from) &&
                            expression_uses(&first, reader->problem->numbers, reader->problem->count);
        } else if (sides + 1 < reader->problem->count) {
            Expression side;
            equal = equal && expression_parse(&side, text + from, to - from) && value_equal(side.value, first.value);
        } else {
            int64_t result = 0;
            size_t  at     = from;
            equal =
                equal && digits_read(text, to, &at, &result) && at == to && value_equal(value_of(result), first.value);
        }
        sides++;
        from = to + 1;
    }
    bool closed          = end < reader->length && text[end] == '.' && sides == reader->problem->count;
    attempt.legal        = attempt.legal && closed;
    attempt.right        = attempt.legal && equal;
    attempt.makes_target = attempt.legal && expression_value_is(&first, reader->problem->target);
    attempt.hit          = attempt.right && attempt.makes_target;
    attempt.key          = first.key;
    end += end < reader->length && text[end] == '.';
    attempt.length = end - begin;
    trace_attempt(&reader->builder, &attempt);
    reader->last       = first;
    reader->last_legal = attempt.legal;
    return end;
}

/* "Not 53" */
static size_t read_not(Reader *reader, size_t begin)
{
    size_t  at = begin + strlen("Not");
    int64_t target;
    size_t  digits = at + 1;
    bool    stated =
        at < reader->length && reader->text[at] == ' ' && digits_read(reader->text, reader->length, &digits, &target);
    bool same = stated && target == reader->problem->target;
    at        = stated ? digits : at;
    if (at == reader->length && reader->cut) {
        return at; /* the limit cut it short */
    }
    trace_claim(&reader->builder, begin, at - begin, same ? TRACE_CLAIM_NO : TRACE_CLAIM_MISSTATED);
    return at;
}

/* "Check: 20*3=60,60-7=53": every step of the last attempt again, in order. */
static size_t read_check(Reader *reader, size_t begin)
{
    size_t   at    = begin + strlen("Check:");
    bool     right = reader->last_legal && reader->builder.open;
    uint32_t steps = 0;
    if (at < reader->length && reader->text[at] == ' ') {
        at++;
    }
    Equation equation;
    while (task_read_equation(reader->text, reader->length, &at, &equation)) {
        right = right && steps < reader->last.step_count;
        if (right) {
            const ExpressionStep *step = &reader->last.steps[steps];
            Value                 left = value_of(equation.left), other = value_of(equation.right);
            bool                  commutes = equation.op == '+' || equation.op == '*';
            bool                  same     = (value_equal(left, step->left) && value_equal(other, step->right)) ||
                        (commutes && value_equal(left, step->right) && value_equal(other, step->left));
            right = equation.op == step->op && same && value_equal(value_of(equation.result), step->value);
        }
        steps++;
        if (at < reader->length && reader->text[at] == ',') {
            at++;
        } else {
            break;
        }
    }
    bool unfinished = at == reader->length && reader->cut;
    if (!unfinished) {
        trace_check(&reader->builder, begin, at - begin, right && steps == reader->last.step_count);
    }
    return at;
}

static void countdown_trace(const Problem *problem, const char *response, size_t length, TraceStats *stats,
                            TraceSpans *spans)
{
    Boxes  boxes;
    bool   answered = boxes_find(response, length, &boxes);
    Reader reader   = {.problem = problem, .text = response, .length = boxes.first, .cut = !answered};
    trace_begin(&reader.builder, stats, spans);
    for (size_t i = 0; i < reader.length;) {
        if (task_word_at(response, reader.length, i, "Try ")) {
            i = read_attempt(&reader, i);
        } else if (task_word_at(response, reader.length, i, "Yes")) {
            trace_claim(&reader.builder, i, strlen("Yes"), TRACE_CLAIM_YES);
            i += strlen("Yes");
        } else if (task_word_at(response, reader.length, i, "Not")) {
            i = read_not(&reader, i);
        } else if (task_word_at(response, reader.length, i, "Go back")) {
            trace_go_back(&reader.builder, i, strlen("Go back"));
            i += strlen("Go back");
        } else if (task_word_at(response, reader.length, i, "Check:")) {
            i = read_check(&reader, i);
        } else {
            i++;
        }
    }
    trace_end(&reader.builder, answered);
    stats->after_box = length - boxes.first_end;
    task_trace_finish(response, length, &boxes, stats, spans);
}

/* --- tokens -------------------------------------------------------------------- */

/* The recipe's table has 141 entries and names 139; " Wait" and " Wrong" fill it,
 * for a second look that finds a slip. */
static const char *const pieces[] = {
    "Numbers", " ",  ",",   ".", " Target", ".\n", "Answer", ":",      " \\",  "boxed", "{",     "{(",     "}",
    ")}",      "+",  "-",   "*", "/",       ")+",  ")-",     ")*",     ")/",   "+(",    "-(",    "*(",     "/(",
    " (",      ")=", "Try", "=", " Not",    " Go", " back",  " Check", " Yes", "\n",    " Wait", " Wrong",
};
/* What the parentheses of a fourth number add. */
static const char *const pieces_of_four[] = {" ((", "{((", "=(",  "-((", "+((", "*((",
                                             "))=", "))}", "))+", "))-", "))*"};

static bool countdown_piece(const TaskConfig *config, size_t index, char out[TASK_PIECE_BYTES])
{
    enum { PIECES = sizeof pieces / sizeof pieces[0], OF_FOUR = sizeof pieces_of_four / sizeof pieces_of_four[0] };
    const char *table[PIECES + OF_FOUR];
    memcpy(table, pieces, sizeof pieces);
    memcpy(table + PIECES, pieces_of_four, sizeof pieces_of_four);
    size_t   count = config->numbers > 3 ? PIECES + OF_FOUR : PIECES;
    uint32_t last  = config->max_target > 99 ? config->max_target : 99;
    return task_piece_of(table, count, last, index, out);
}

const Task task_countdown = {
    .kind                = "countdown",
    .max_response_tokens = 176,
    .defaults            = {.numbers = 3, .max_number = 20, .max_target = 99, .intuition = 0},
    .draw                = countdown_draw,
    .held_out            = countdown_held_out,
    .prompt              = countdown_prompt,
    .read_prompt         = countdown_read_prompt,
    .find_answer         = task_find_box,
    .take_answer         = task_take_bare,
    .judge               = countdown_judge,
    .trace               = countdown_trace,
    .piece               = countdown_piece,
};
