/* Pick three: three of the six numbers that add up to the target. */
#include <string.h>

#include "rlsp/task/common.h"
#include "rlsp/task/expression.h"

static bool pick_three_held_out(const Problem *problem)
{
    uint32_t hash = 0; /* of the numbers alone: all targets of a set are on one side */
    for (uint32_t i = 0; i < problem->count; i++) {
        hash = 31 * hash + (uint32_t)problem->numbers[i];
    }
    return (hash * 2654435761u >> 16) % 10 == 0;
}

static void pick_three_draw(const TaskConfig *config, Problem *problem, Random *random, Split split)
{
    do {
        problem->count = config->numbers;
        task_draw_numbers(random, config->numbers, config->max_number, problem->numbers);
    } while (split != SPLIT_ANY && pick_three_held_out(problem) != (split == SPLIT_HELD_OUT));
    uint32_t n = problem->count;
    uint32_t a = n - 3, b = n - 2, c = n - 1;
    if (random_uniform(random) >= config->intuition) {
        do {
            a = random_below(random, n);
            b = random_below(random, n);
            c = random_below(random, n);
        } while (a == b || a == c || b == c);
    }
    problem->target = problem->numbers[a] + problem->numbers[b] + problem->numbers[c];
}

static size_t pick_three_prompt(const Problem *problem, char *out, size_t size)
{
    return task_write_prompt(problem, true, out, size);
}

/* "a+b+c" at text[*position]. False: not three terms (`*terms` says how many were read). */
static bool read_triple(const char *text, size_t length, size_t *position, int64_t triple[3], uint32_t *terms)
{
    size_t i = *position;
    *terms   = 0;
    for (;;) {
        int64_t term;
        if (!digits_read(text, length, &i, &term)) {
            return false;
        }
        if (*terms < 3) {
            triple[*terms] = term;
        }
        ++*terms;
        if (i + 1 < length && text[i] == '+' && text[i + 1] >= '0' && text[i + 1] <= '9') {
            i++;
        } else {
            break;
        }
    }
    *position = i;
    return *terms == 3;
}

/* All three are numbers of the problem, at three different places. */
static bool are_members(const Problem *problem, const int64_t triple[3])
{
    bool used[TASK_NUMBERS_MAX] = {false};
    for (int k = 0; k < 3; k++) {
        uint32_t i = 0;
        while (i < problem->count && (used[i] || problem->numbers[i] != triple[k])) {
            i++;
        }
        if (i == problem->count) {
            return false;
        }
        used[i] = true;
    }
    return true;
}

/* Three numbers of at most 18 digits: their sum fits. */
static int64_t sum_of(const int64_t triple[3])
{
    return triple[0] + triple[1] + triple[2];
}

static bool pick_three_read_prompt(const char *prompt, size_t length, Problem *problem)
{
    return task_read_prompt(prompt, length, 3, problem);
}

static void pick_three_judge(const Problem *problem, const char *text, TaskVerdict *verdict)
{
    const char *answer = text + verdict->answer_offset;
    int64_t     triple[3];
    uint32_t    terms;
    size_t      end = 0;
    if (!read_triple(answer, verdict->answer_length, &end, triple, &terms) || end != verdict->answer_length) {
        verdict->reason = "not written as a+b+c";
    } else if (!are_members(problem, triple)) {
        verdict->reason = "not three different members of the list";
    } else {
        verdict->has_value = true;
        verdict->numerator = sum_of(triple);
        verdict->correct   = verdict->numerator == problem->target;
        verdict->reason    = verdict->correct ? "correct" : "wrong sum";
    }
}

/* --- trace --------------------------------------------------------------------- */

typedef struct Reader {
    const Problem *problem;
    const char    *text;
    size_t         length; /* of the part before the first box     */
    bool           cut;    /* the response ends there, without box */
    TraceBuilder   builder;
    int64_t        last[3]; /* of the last attempt, if last_legal  */
    bool           last_legal;
} Reader;

static uint64_t triple_key(const int64_t triple[3])
{
    int64_t low = triple[0], middle = triple[1], high = triple[2], swap;
    if (low > middle) {
        swap   = low;
        low    = middle;
        middle = swap;
    }
    if (middle > high) {
        swap   = middle;
        middle = high;
        high   = swap;
    }
    if (low > middle) {
        swap   = low;
        low    = middle;
        middle = swap;
    }
    uint64_t key = ((uint64_t)low * 1000003u + (uint64_t)middle) * 1000003u + (uint64_t)high;
    return key == 0 ? 1 : key;
}

/* " short 3" or " over 3" after an attempt. */
static size_t read_distance(Reader *reader, size_t begin, int64_t true_sum)
{
    const char *text = reader->text;
    bool        over = task_word_at(text, reader->length, begin, " over ");
    if (!over && !task_word_at(text, reader->length, begin, " short ")) {
        return begin;
    }
    size_t  at = begin + strlen(over ? " over " : " short ");
    int64_t distance;
    if (!digits_read(text, reader->length, &at, &distance) || (at == reader->length && reader->cut)) {
        return begin;
    }
    int64_t difference = true_sum - reader->problem->target;
    bool    right      = reader->last_legal &&
                 (over ? difference > 0 && distance == difference : difference <= 0 && distance == -difference);
    trace_distance(&reader->builder, begin + 1, at - begin - 1, right);
    return at;
}

/* "5+8+12=25 over 3". A sum of fewer or more terms is an illegal attempt; a list
 * of numbers without "=" is none. */
static size_t read_attempt(Reader *reader, size_t begin)
{
    const char *text      = reader->text;
    size_t      at        = begin;
    int64_t     triple[3] = {0}, sum = 0;
    uint32_t    terms;
    bool        three = read_triple(text, reader->length, &at, triple, &terms);
    if (at == begin) { /* a number of too many digits */
        while (at < reader->length && text[at] >= '0' && text[at] <= '9') {
            at++;
        }
        return at;
    }
    if (terms < 2 || at >= reader->length || text[at] != '=') {
        return at;
    }
    at++;
    if (!digits_read(text, reader->length, &at, &sum) || (at == reader->length && reader->cut)) {
        return at;
    }
    int64_t      true_sum = three ? sum_of(triple) : 0;
    bool         legal    = three && are_members(reader->problem, triple);
    TraceAttempt attempt  = {
         .offset       = begin,
         .length       = at - begin,
         .legal        = legal,
         .right        = legal && sum == true_sum,
         .makes_target = legal && true_sum == reader->problem->target,
         .key          = triple_key(triple),
    };
    attempt.hit = attempt.right && attempt.makes_target;
    trace_attempt(&reader->builder, &attempt);
    memcpy(reader->last, triple, sizeof triple);
    reader->last_legal = legal;
    return read_distance(reader, at, true_sum);
}

/* "Check: 2+8=10,10+12=22": two of the last attempt's numbers, then the third. */
static size_t read_check(Reader *reader, size_t begin)
{
    size_t   at = begin + strlen("Check:");
    Equation first, second;
    if (at < reader->length && reader->text[at] == ' ') {
        at++;
    }
    bool right = task_read_equation(reader->text, reader->length, &at, &first);
    if (right && at < reader->length && reader->text[at] == ',') {
        at++;
    }
    right = right && task_read_equation(reader->text, reader->length, &at, &second);
    if (at == reader->length && reader->cut) {
        return at;
    }
    if (right && reader->last_legal && reader->builder.open) {
        int64_t third     = second.left == first.result ? second.right : second.left;
        int64_t triple[3] = {first.left, first.right, third};
        right = first.op == '+' && second.op == '+' && (second.left == first.result || second.right == first.result) &&
                first.result == first.left + first.right && second.result == first.result + third &&
                triple_key(triple) == triple_key(reader->last);
    } else {
        right = false;
    }
    trace_check(&reader->builder, begin, at - begin, right);
    return at;
}

static void pick_three_trace(const Problem *problem, const char *response, size_t length, TraceStats *stats,
                             TraceSpans *spans)
{
    Boxes  boxes;
    bool   answered = boxes_find(response, length, &boxes);
    Reader reader   = {.problem = problem, .text = response, .length = boxes.first, .cut = !answered};
    trace_begin(&reader.builder, stats, spans);
    for (size_t i = 0; i < reader.length;) {
        if (response[i] >= '0' && response[i] <= '9') {
            i = read_attempt(&reader, i);
        } else if (task_word_at(response, reader.length, i, "Yes")) {
            trace_claim(&reader.builder, i, strlen("Yes"), TRACE_CLAIM_YES);
            i += strlen("Yes");
        } else if (task_word_at(response, reader.length, i, "Go back")) {
            trace_claim(&reader.builder, i, 0, TRACE_CLAIM_NO);
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

static const char *const before_numbers[] = {
    "Numbers", " ", ",", ".", " Target", ".\n",  "Answer", ":",     " \\",    "boxed",
    "{",       "}", "+", "=", " short",  " Yes", " Go",    " back", " Check",
};

/* In the recipe's order: " over" comes last. */
static bool pick_three_piece(const TaskConfig *config, size_t index, char out[TASK_PIECE_BYTES])
{
    enum { PIECES = sizeof before_numbers / sizeof before_numbers[0] };
    uint32_t largest_sum = config->max_number * 3 - 3;
    uint32_t last        = largest_sum > 33 ? largest_sum : 33;
    if (index == TASK_SPECIAL_COUNT + PIECES + last + 1) {
        strcpy(out, " over");
        return true;
    }
    return task_piece_of(before_numbers, PIECES, last, index, out);
}

const Task task_pick_three = {
    .kind                = "pick-three",
    .max_response_tokens = 176,
    .defaults            = {.numbers = 6, .max_number = 12, .max_target = 33, .intuition = 0.3},
    .draw                = pick_three_draw,
    .held_out            = pick_three_held_out,
    .prompt              = pick_three_prompt,
    .read_prompt         = pick_three_read_prompt,
    .find_answer         = task_find_box,
    .take_answer         = task_take_bare,
    .judge               = pick_three_judge,
    .trace               = pick_three_trace,
    .piece               = pick_three_piece,
};
