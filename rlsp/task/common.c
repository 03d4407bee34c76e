#include "rlsp/task/common.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rlsp/task/expression.h"

static const char *const special_pieces[TASK_SPECIAL_COUNT] = {"<pad>", "<bos>", "<eos>"};

void task_draw_numbers(Random *random, uint32_t count, uint32_t max, int64_t *numbers)
{
    for (uint32_t n = 0; n < count;) {
        int64_t  number = 1 + (int64_t)random_below(random, max);
        uint32_t place  = 0;
        while (place < n && numbers[place] < number) {
            place++;
        }
        if (place < n && numbers[place] == number) {
            continue;
        }
        memmove(numbers + place + 1, numbers + place, (n - place) * sizeof *numbers);
        numbers[place] = number;
        n++;
    }
}

__attribute__((format(printf, 4, 5))) static void append(char *out, size_t size, size_t *length, const char *format,
                                                         ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(out + *length, size - *length, format, args);
    va_end(args);
    if (n > 0) {
        *length += (size_t)n;
        *length = *length < size ? *length : size - 1;
    }
}

size_t task_write_prompt(const Problem *problem, bool with_target, char *out, size_t size)
{
    size_t length = 0;
    if (size == 0) {
        return 0;
    }
    append(out, size, &length, "Numbers ");
    for (uint32_t i = 0; i < problem->count; i++) {
        append(out, size, &length, "%s%" PRId64, i == 0 ? "" : ",", problem->numbers[i]);
    }
    append(out, size, &length, ".");
    if (with_target) {
        append(out, size, &length, " Target %" PRId64 ".", problem->target);
    }
    append(out, size, &length, "\n");
    return length;
}

/* `word` at text[*position], which moves past it. */
static bool read_word(const char *text, size_t length, size_t *position, const char *word)
{
    size_t n = strlen(word);
    if (length - *position < n || memcmp(text + *position, word, n) != 0) {
        return false;
    }
    *position += n;
    return true;
}

bool task_read_prompt(const char *prompt, size_t length, uint32_t fewest, Problem *problem)
{
    size_t at = 0;
    memset(problem, 0, sizeof *problem);
    while (at < length && strchr(" \n", prompt[at]) != NULL && prompt[at] != '\0') {
        at++;
    }
    if (!read_word(prompt, length, &at, "Numbers ")) {
        return false;
    }
    do {
        if (problem->count == TASK_NUMBERS_MAX ||
            !digits_read(prompt, length, &at, &problem->numbers[problem->count])) {
            return false;
        }
        problem->count++;
    } while (read_word(prompt, length, &at, ","));
    if (problem->count < fewest || !read_word(prompt, length, &at, ". Target ") ||
        !digits_read(prompt, length, &at, &problem->target) || !read_word(prompt, length, &at, ".")) {
        return false;
    }
    while (at < length && strchr(" \n", prompt[at]) != NULL && prompt[at] != '\0') {
        at++;
    }
    return at == length;
}

void task_note_answer(TaskVerdict *verdict, const char *text, size_t offset, size_t length)
{
    const size_t kept      = length < sizeof verdict->answer ? length : sizeof verdict->answer - 1;
    verdict->answer_offset = offset;
    verdict->answer_length = length;
    memcpy(verdict->answer, text + offset, kept);
    verdict->answer[kept] = '\0';
    verdict->answered     = length > 0;
}

static bool take(TaskVerdict *verdict, const char *text, size_t offset, size_t length)
{
    task_note_answer(verdict, text, offset, length);
    if (length == 0) {
        verdict->reason = "no answer: the box is empty";
    } else if (length > BOX_CONTENT_LIMIT) {
        verdict->reason = "limit: the answer is longer than 4096 bytes";
    }
    return length > 0 && length <= BOX_CONTENT_LIMIT;
}

bool task_find_box(const Problem *problem, const char *response, size_t length, TaskVerdict *verdict)
{
    Boxes boxes;
    (void)problem; /* of a built-in task: the last box, always */
    const bool found    = boxes_find(response, length, &boxes);
    verdict->box_offset = boxes.offset;
    verdict->boxes      = boxes.count;
    verdict->reason     = "no answer: no complete \\boxed{…}";
    return found && take(verdict, response, boxes.content, boxes.content_length);
}

bool task_take_bare(const char *answer, size_t length, TaskVerdict *verdict)
{
    size_t begin = 0, end = length;
    while (begin < end && (answer[begin] == ' ' || answer[begin] == '\n')) {
        begin++;
    }
    while (end > begin && (answer[end - 1] == ' ' || answer[end - 1] == '\n')) {
        end--;
    }
    return take(verdict, answer, begin, end - begin);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool task_word_at(const char *text, size_t length, size_t i, const char *word)
{
    if (i >= length || text[i] != word[0]) {
        return false; /* nearly always */
    }
    size_t n = strlen(word);
    if (length - i < n || memcmp(text + i, word, n) != 0) {
        return false;
    }
    bool glued_before = i > 0 && is_letter(word[0]) && is_letter(text[i - 1]);
    bool glued_after  = i + n < length && is_letter(word[n - 1]) && is_letter(text[i + n]);
    return !glued_before && !glued_after;
}

bool task_read_equation(const char *text, size_t length, size_t *position, Equation *equation)
{
    size_t i = *position;
    if (!digits_read(text, length, &i, &equation->left) || i >= length) {
        return false;
    }
    equation->op = text[i++];
    if (strchr("+-*/", equation->op) == NULL || equation->op == '\0' ||
        !digits_read(text, length, &i, &equation->right) || i >= length || text[i++] != '=' ||
        !digits_read(text, length, &i, &equation->result)) {
        return false;
    }
    *position = i;
    return true;
}

void task_trace_finish(const char *response, size_t length, const Boxes *boxes, TraceStats *stats, TraceSpans *spans)
{
    if (boxes->count > 0) {
        trace_span_add(spans, boxes->offset, boxes->end - boxes->offset, TRACE_SPAN_ANSWER);
    }
    trace_words(response, length, stats->words, spans);
    double share      = repetition_of_words(response, length, 6);
    stats->repetition = share < 0 ? 0 : share;
}

bool task_piece_of(const char *const *pieces, size_t count, uint32_t last, size_t index, char out[TASK_PIECE_BYTES])
{
    if (index < TASK_SPECIAL_COUNT) {
        snprintf(out, TASK_PIECE_BYTES, "%s", special_pieces[index]);
        return true;
    }
    index -= TASK_SPECIAL_COUNT;
    if (index < count) {
        snprintf(out, TASK_PIECE_BYTES, "%s", pieces[index]);
        return true;
    }
    index -= count;
    if (index <= last) {
        snprintf(out, TASK_PIECE_BYTES, "%zu", index);
        return true;
    }
    return false;
}
