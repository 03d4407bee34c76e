/* Task: a family of problems that the program can judge and read: the built-in ones, which it also draws and
 * poses, and those of JSONL datasets. A task as configured, with its problems and prompts, is a TaskInstance
 * (rlsp/task/instance.h): what training and evaluation use.
 *
 *     const Task *task = task_find("countdown");
 *     TaskConfig  config = {0};                               // 0: the task's own values
 *     task_config_resolve(task, &config, &error);
 *     Random      random = random_stream(seed, RANDOM_TASK, step, row);
 *     Problem     problem;
 *     task->draw(&config, &problem, &random, SPLIT_TRAIN);
 *     task->prompt(&problem, prompt, sizeof prompt);          // "Numbers 3,7,20. Target 53.\n"
 *     TaskVerdict verdict;
 *     task_verify(task, &problem, response, length, &verdict); // verdict.correct
 *
 * Texts and splits of the built-in tasks are those of the recipes: countdown (three numbers, + - *)
 * and pick-three (three of six numbers that add up). Judging them is exact integer and
 * rational arithmetic, linear in the response, allocates nothing, reads nothing
 * past `length`, and takes any bytes. Answers to problems of a dataset are judged by rlsp/math.
 * All functions may be called from several threads.
 */
#ifndef RLSP_TASK_TASK_H
#define RLSP_TASK_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"
#include "engine/random.h"
#include "rlsp/math/extract.h"
#include "rlsp/trace/trace.h"

enum {
    TASK_NUMBERS_MAX   = 8,
    TASK_PROMPT_BYTES  = 128, /* a prompt with its NUL, at most      */
    TASK_ANSWER_BYTES  = 512, /* an answer kept in a verdict, with NUL */
    TASK_PIECE_BYTES   = 16,  /* a token's text with its NUL         */
    TASK_SPECIAL_COUNT = 3    /* <pad> <bos> <eos>: ids 0, 1, 2      */
};

/* A problem of a dataset. Texts end with a NUL and belong to the dataset. */
typedef struct TaskItem {
    const char *problem, *answer;              /* the answer is NULL where nobody knows it      */
    size_t      problem_length, answer_length; /* bytes                            */
    const char *id, *subject, *level;          /* NULL: not given                  */
    uint64_t    line;                          /* in its file, from 1              */
} TaskItem;

/* A copy is the same problem; an item has to outlive it. */
typedef struct Problem {
    uint32_t count; /* of numbers, 1..TASK_NUMBERS_MAX; 0: a problem of a dataset */
    int64_t  numbers[TASK_NUMBERS_MAX];
    int64_t  target;

    const TaskItem          *item;    /* of a dataset; NULL: a built-in task's                */
    const MathExtractPolicy *extract; /* where its answer is looked for; NULL: in the last box */
} Problem;

typedef enum Split { SPLIT_TRAIN, SPLIT_HELD_OUT, SPLIT_ANY } Split;

typedef struct TaskConfig {
    uint32_t numbers;    /* countdown: 3 (or 4); pick-three: 6                           */
    uint32_t max_number; /* countdown: 20 (up to 99); pick-three: 12 (up to 33)          */
    uint32_t max_target; /* countdown: 99 (up to 999), also of intermediate results      */
    double   intuition;  /* pick-three: share of targets made by the three largest, .3;
                            negative: the task's own (0 is a value here)                 */
} TaskConfig;

typedef struct TaskVerdict {
    bool        correct;
    bool        answered;                     /* there is a complete, non-empty \boxed{…}               */
    const char *reason;                       /* static text: "correct", "no answer", "wrong value", …  */
    char        answer[TASK_ANSWER_BYTES];    /* of the judged box, trimmed; cut if longer; bytes as written */
    size_t      answer_offset, answer_length; /* where it lies in the response, trimmed   */
    size_t      box_offset;                   /* of the judged box's backslash; the response's length if none */
    uint32_t    boxes;                        /* complete ones                                       */
    bool        has_value;                    /* the answer is an expression over the right numbers  */
    int64_t     numerator, denominator;       /* its exact value, in lowest terms, if has_value */

    /* problems of a dataset; static texts, NULL where there is nothing to say */
    const char *rule;     /* of the verifier, that decided                        */
    const char *found_by; /* "box", "phrase", …: how the answer was found         */
    int64_t     work;     /* of the verifier                                      */
    bool        limit;    /* a limit of work or size decided                      */
} TaskVerdict;

typedef struct Task {
    const char *kind;                /* "countdown", "pick-three", "jsonl" */
    uint32_t    max_response_tokens; /* for the default config             */
    TaskConfig  defaults;

    /* Built-in tasks only, NULL in task_jsonl: draw, held_out, prompt, read_prompt, piece. */

    /* Draws a problem of the split; always solvable. SPLIT_ANY does not look. */
    void (*draw)(const TaskConfig *config, Problem *problem, Random *random, Split split);
    bool (*held_out)(const Problem *problem);
    /* Writes the prompt's text (without <bos>); its length in bytes. Problems that
     * draw makes always fit TASK_PROMPT_BYTES; otherwise the text is cut. */
    size_t (*prompt)(const Problem *problem, char *out, size_t size);
    /* The problem that a prompt poses, as `prompt` wrote it; false: it poses none of this task. */
    bool (*read_prompt)(const char *prompt, size_t length, Problem *problem);
    /* For task_verify and task_verify_answer. The first two look for the answer in a response, or take the whole text
     * for it, and note where it lies; false: there is nothing to judge, and verdict->reason says why. The third says
     * what the answer that they found in `text` is worth. */
    bool (*find_answer)(const Problem *problem, const char *response, size_t length, TaskVerdict *verdict);
    bool (*take_answer)(const char *answer, size_t length, TaskVerdict *verdict);
    void (*judge)(const Problem *problem, const char *text, TaskVerdict *verdict);
    /* Reads the evidence in a response; see trace.h. `spans` may be NULL. */
    void (*trace)(const Problem *problem, const char *response, size_t length, TraceStats *stats, TraceSpans *spans);
    /* Text of token `index` of the task's own tokenizer; false past the last one.
     * The first TASK_SPECIAL_COUNT are special. Every piece that the split regex
     * of llama-3 cuts from a text of the task is one token. */
    bool (*piece)(const TaskConfig *config, size_t index, char out[TASK_PIECE_BYTES]);
} Task;

extern const Task task_countdown, task_pick_three;
extern const Task task_jsonl; /* problems of a dataset: problem->item is there */

/* A built-in task by its kind; NULL: no such task. */
const Task *task_find(const char *kind);
/* All built-in tasks, NULL-terminated. */
extern const Task *const task_all[];

/* Judges a response: a built-in task's last complete \boxed{…}, a dataset's as problem->extract says. The prompt is
 * never looked at. */
void task_verify(const Task *task, const Problem *problem, const char *response, size_t length, TaskVerdict *verdict);
/* Judges a bare answer; white space around it is passed over. */
void task_verify_answer(const Task *task, const Problem *problem, const char *answer, size_t length,
                        TaskVerdict *verdict);

/* Puts the task's own values where a field is 0 and checks the rest. */
Status task_config_resolve(const Task *task, TaskConfig *config, Error *error);

/* Tokens of the task's tokenizer: 141 for countdown, 57 for pick-three. */
size_t task_piece_count(const Task *task, const TaskConfig *config);

/* Tokens of a prompt with <bos>, in the task's own tokenizer; the same for all problems: 13, 19. */
uint32_t task_prompt_tokens(const TaskConfig *config);

/* The split regex those pieces go with (PCRE / Hugging Face Split, isolated). */
extern const char task_split_regex[];

/* Problem index `index` of the fixed evaluation set of `seed`: always the same,
 * held out. (RANDOM_EVAL, step 0, row index.) */
void task_eval_problem(const Task *task, const TaskConfig *config, uint64_t seed, uint32_t index, Problem *problem);

#endif
