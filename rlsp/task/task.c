#include "rlsp/task/task.h"

#include <string.h>

const Task *const task_all[] = {&task_countdown, &task_pick_three, NULL};

const char task_split_regex[] =
    "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const Task *task_find(const char *kind)
{
    for (size_t i = 0; task_all[i] != NULL; i++) {
        if (strcmp(task_all[i]->kind, kind) == 0) {
            return task_all[i];
        }
    }
    return NULL;
}

void task_verify(const Task *task, const Problem *problem, const char *response, size_t length, TaskVerdict *verdict)
{
    *verdict = (TaskVerdict){.denominator = 1};
    if (task->find_answer(problem, response, length, verdict)) {
        task->judge(problem, response, verdict);
    }
}

void task_verify_answer(const Task *task, const Problem *problem, const char *answer, size_t length,
                        TaskVerdict *verdict)
{
    *verdict = (TaskVerdict){.denominator = 1, .box_offset = length};
    if (task->take_answer(answer, length, verdict)) {
        task->judge(problem, answer, verdict);
    }
}

static Status out_of_range(Error *error, const char *key, double found, double low, double high)
{
    return error_set(error, STATUS_BAD_INPUT, "task.%s: found %g, wanted %g to %g", key, found, low, high);
}

Status task_config_resolve(const Task *task, TaskConfig *config, Error *error)
{
    config->numbers    = config->numbers == 0 ? task->defaults.numbers : config->numbers;
    config->max_number = config->max_number == 0 ? task->defaults.max_number : config->max_number;
    config->max_target = config->max_target == 0 ? task->defaults.max_target : config->max_target;
    config->intuition  = config->intuition < 0 ? task->defaults.intuition : config->intuition;
    bool     countdown = task == &task_countdown;
    uint32_t fewest = countdown ? 3 : 6, most = countdown ? 4 : 6;
    uint32_t lowest = countdown ? 8 : 7, highest = countdown ? 99 : 33;
    if (config->numbers < fewest || config->numbers > most) {
        return out_of_range(error, "numbers", config->numbers, fewest, most);
    }
    if (config->max_number < lowest || config->max_number > highest) {
        return out_of_range(error, "max_number", config->max_number, lowest, highest);
    }
    /* Sums of the smallest numbers have to fit. In pick-three the target follows from max_number. */
    if (countdown && (config->max_target < config->max_number || config->max_target > 999)) {
        return out_of_range(error, "max_target", config->max_target, config->max_number, 999);
    }
    if (config->intuition > 1) {
        return out_of_range(error, "intuition", config->intuition, 0, 1);
    }
    return STATUS_OK;
}

size_t task_piece_count(const Task *task, const TaskConfig *config)
{
    char   piece[TASK_PIECE_BYTES];
    size_t count = 0;
    while (task->piece(config, count, piece)) {
        count++;
    }
    return count;
}

/* <bos> "Numbers" " " n "," … n "." " Target" " " t ".\n" */
uint32_t task_prompt_tokens(const TaskConfig *config)
{
    return 2 * config->numbers + 7;
}

void task_eval_problem(const Task *task, const TaskConfig *config, uint64_t seed, uint32_t index, Problem *problem)
{
    Random random = random_stream(seed, RANDOM_EVAL, 0, index);
    task->draw(config, problem, &random, SPLIT_HELD_OUT);
}
