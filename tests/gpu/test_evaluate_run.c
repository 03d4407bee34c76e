/* Evaluations on a device, with a model of random weights: which response belongs to
 * which problem, and that nothing but (seed, options, weights) matters.
 *
 * `test_evaluate_run --make-model TASK DIR` writes such a model with the task's tokenizer,
 * for tests/e2e/test_eval.sh. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "rlsp/eval/statistics.h"
#include "rlsp/task/task_tokenizer.h"
#include "rlsp/train/evaluate.h"
#include "tests/support/fixture.h"
#include "tests/support/gpu_fixture.h"

enum { PROBLEMS = 7, SAMPLES = 3, MAX_NEW = 24 };

static ModelConfig tiny_config(uint32_t vocab_size)
{
    return (ModelConfig){.family            = MODEL_LLAMA,
                         .vocab_size        = vocab_size,
                         .hidden_size       = 32,
                         .layers            = 2,
                         .heads             = 2,
                         .kv_heads          = 1,
                         .head_dim          = 16,
                         .intermediate_size = 48,
                         .max_positions     = 256,
                         .rms_norm_eps      = 1e-5f,
                         .rope              = {.theta = 10000},
                         .tie_embeddings    = true,
                         .bos_token_id      = 1,
                         .eos_token_ids     = {2},
                         .eos_count         = 1,
                         .pad_token_id      = 0};
}

static Model *make_model(Gpu *gpu, const Task *task, const char *directory, Error *error)
{
    ModelConfig config = tiny_config((uint32_t)task_piece_count(task, &task->defaults));
    Model      *model  = task_tokenizer_build(task, &task->defaults, 256, directory, error) == STATUS_OK
                             ? model_new(gpu, &config, false, error)
                             : NULL;
    if (model != NULL &&
        model_init(model, &(ModelInit){.embedding_std = 0.3, .linear_scale = 1}, 5, error) != STATUS_OK) {
        model_free(model);
        model = NULL;
    }
    return model;
}

static const EvalOptions sampled = {
    .seed = 11, .problems = PROBLEMS, .samples = SAMPLES, .sample = {.temperature = 1}, .max_new = MAX_NEW};

static const StopTokens stops = {.ids = {2}, .count = 1};

/* One model and tokenizer for all tests. */
static struct {
    Model        *model;
    Tokenizer    *tokenizer;
    TaskInstance *task;
} tiny;

static int open_all(void **state)
{
    Error       error = {0};
    const char *directory;
    if (gpu_fixture_open(state) != 0) {
        return -1;
    }
    directory      = fixture_directory();
    tiny.model     = make_model(fixture_gpu(), &task_countdown, directory, &error);
    tiny.tokenizer = tiny.model != NULL ? tokenizer_open(directory, &error) : NULL;
    tiny.task      = tiny.tokenizer != NULL ? task_instance_new(&task_countdown, NULL, &error) : NULL;
    if (tiny.task == NULL || task_instance_prepare(tiny.task, tiny.tokenizer, NULL, NULL, &error) != STATUS_OK) {
        print_error("%s\n", error.text);
        return -1;
    }
    return 0;
}

static int close_all(void **state)
{
    model_free(tiny.model);
    task_instance_free(tiny.task);
    tokenizer_free(tiny.tokenizer);
    return gpu_fixture_close(state);
}

static Evaluator *new_evaluator(uint32_t requests, uint32_t max_new, uint32_t slots)
{
    Error                     error  = {0};
    const EvalGeneratorLimits limits = {.requests = requests, .max_new = max_new, .slots = slots};
    Evaluator                *evaluator =
        evaluator_new(fixture_gpu(), &tiny.model->config, tiny.tokenizer, tiny.task, &stops, &limits, &error);
    if (evaluator == NULL) {
        fail_msg("%s", error.text);
    }
    return evaluator;
}

static EvalResult evaluate(Evaluator *evaluator, const EvalOptions *options)
{
    EvalResult result;
    Error      error = {0};
    if (evaluator_run(evaluator, tiny.model, options, &result, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    result.seconds = 0;
    return result;
}

/* Every field, NaN equal to NaN: both come from the same arithmetic. */
static void assert_same_result(const EvalResult *a, const EvalResult *b)
{
    EventField fields[2][EVAL_FIELDS_MAX];
    char       names[2][EVAL_FIELDS_MAX][48];
    const int  count = eval_result_fields(a, "", fields[0], names[0]);
    eval_result_fields(b, "", fields[1], names[1]);
    for (int i = 0; i < count; i++) {
        if (memcmp(&fields[0][i].value, &fields[1][i].value, sizeof(double)) != 0) {
            fail_msg("%s: %.17g and %.17g", fields[0][i].name, fields[0][i].value, fields[1][i].value);
        }
    }
}

/* What the decoder itself gives for all samples of all problems, the last one asked first. */
typedef struct Decoded {
    char    *text[PROBLEMS * SAMPLES];
    uint32_t tokens[PROBLEMS * SAMPLES];
    bool     stopped[PROBLEMS * SAMPLES];
} Decoded;

static void decode_all(Decoded *decoded)
{
    enum { ALL = PROBLEMS * SAMPLES, PROMPT_MAX = 40 };
    int32_t  prompts[ALL * PROMPT_MAX];
    uint32_t starts[ALL + 1] = {0}, sequence[ALL];
    Error    error           = {0};
    for (uint32_t r = 0; r < ALL; r++) {
        Problem  problem;
        char     prompt[TASK_PROMPT_BYTES];
        int32_t *ids;
        size_t   count;
        sequence[r] = ALL - 1 - r;
        task_eval_problem(&task_countdown, &task_countdown.defaults, sampled.seed, sequence[r] / SAMPLES, &problem);
        task_countdown.prompt(&problem, prompt, sizeof prompt);
        assert_int_equal(tokenizer_encode(tiny.tokenizer, prompt, strlen(prompt), true, &ids, &count, &error),
                         STATUS_OK);
        assert_int_equal(ids[0], 1); /* <bos> */
        assert_in_range(count, 2, PROMPT_MAX);
        memcpy(prompts + starts[r], ids, count * sizeof *ids);
        starts[r + 1] = starts[r] + (uint32_t)count;
        free(ids);
    }
    const DecodeLimits limits  = {.max_length        = PROMPT_MAX + MAX_NEW,
                                  .max_requests      = ALL,
                                  .max_prompt_tokens = ALL * PROMPT_MAX,
                                  .max_new           = MAX_NEW};
    Decoder           *decoder = decoder_new(fixture_gpu(), &tiny.model->config, &limits, &error);
    assert_non_null(decoder);
    const DecodeInput input = {.prompts       = prompts,
                               .prompt_starts = starts,
                               .sequence      = sequence,
                               .requests      = ALL,
                               .stop_ids      = (int32_t[]){2},
                               .stop_count    = 1,
                               .sample        = {.temperature = 1, .seed = sampled.seed}};
    DecodeOutput      output;
    assert_int_equal(decoder_run(decoder, tiny.model, &input, &output, &error), STATUS_OK);
    for (uint32_t r = 0; r < ALL; r++) {
        const uint32_t at = sequence[r];
        size_t         bytes;
        decoded->tokens[at]  = output.lengths[r];
        decoded->stopped[at] = output.stopped[r] != 0;
        assert_int_equal(tokenizer_decode(tiny.tokenizer, output.tokens + (size_t)r * MAX_NEW, output.lengths[r], true,
                                          &decoded->text[at], &bytes, &error),
                         STATUS_OK);
    }
    decoder_free(decoder);
}

/* Through the traces, every one of which must be the right problem's and random stream's. */
static void each_response_is_its_problems_and_its_streams(void **state)
{
    (void)state;
    const char *directory = fixture_directory();
    Error       error     = {0};
    EvalOptions options   = sampled;
    Event      *event;
    uint32_t    count = 0, stopped = 0;
    Decoded     decoded;
    decode_all(&decoded);
    options.events = events_open(directory, NULL, &error);
    assert_non_null(options.events);
    options.traces       = UINT32_MAX;
    options.stage        = "eval_sampled";
    options.step         = 40;
    Evaluator *evaluator = new_evaluator(64, MAX_NEW, 0);
    EvalResult result    = evaluate(evaluator, &options);
    events_close(options.events);
    EventReader *reader = event_reader_open(fixture_path(directory, "traces.jsonl"), &error);
    assert_non_null(reader);
    while ((event = event_reader_next(reader)) != NULL) {
        Problem problem;
        char    prompt[TASK_PROMPT_BYTES];
        task_eval_problem(&task_countdown, &task_countdown.defaults, sampled.seed, count / SAMPLES, &problem);
        task_countdown.prompt(&problem, prompt, sizeof prompt);
        assert_string_equal(event_text(event, "prompt"), prompt);
        assert_string_equal(event_text(event, "response"), decoded.text[count]);
        assert_string_equal(event_text(event, "stage"), "eval_sampled");
        assert_int_equal(event_step(event), 40);
        assert_int_equal(event_number(event, "index", -1), count);
        assert_int_equal(event_number(event, "tokens", -1), decoded.tokens[count]);
        assert_int_equal(event_number(event, "truncated", -1), !decoded.stopped[count]);
        stopped += decoded.stopped[count];
        free(decoded.text[count]);
        event_free(event);
        count++;
    }
    event_reader_close(reader);
    evaluator_free(evaluator);
    assert_int_equal(count, PROBLEMS * SAMPLES);
    assert_in_range(stopped, 1, count - 1); /* both kinds of end are seen */
    assert_true(result.truncated == (double)(count - stopped) / count);
}

/* The result, and traces.jsonl of all responses in *traces, malloc'ed. */
static EvalResult evaluate_and_trace(Evaluator *evaluator, char **traces)
{
    const char *directory = fixture_directory();
    EvalOptions options   = sampled;
    Error       error     = {0};
    size_t      bytes;
    options.events = events_open(directory, NULL, &error);
    assert_non_null(options.events);
    options.traces          = UINT32_MAX;
    const EvalResult result = evaluate(evaluator, &options);
    events_close(options.events);
    *traces = fixture_text(fixture_path(directory, "traces.jsonl"), &bytes);
    return result;
}

static void slots_and_parts_make_no_difference(void **state)
{
    (void)state;
    Evaluator *whole = new_evaluator(64, MAX_NEW, 0), *parts = new_evaluator(5, MAX_NEW, 2),
              *longer = new_evaluator(32, 40, 0);
    char            *traces_whole, *traces_parts;
    const EvalResult a = evaluate_and_trace(whole, &traces_whole), b = evaluate_and_trace(parts, &traces_parts),
                     c = evaluate(longer, &sampled);
    assert_same_result(&a, &b);
    assert_same_result(&a, &c);
    assert_string_equal(traces_whole, traces_parts);
    free(traces_whole);
    free(traces_parts);
    EvalResult again = evaluate(whole, &sampled); /* and a second time */
    assert_same_result(&a, &again);
    EvalOptions other = sampled;
    other.seed        = 12;
    EvalResult d      = evaluate(whole, &other);
    assert_true(d.tokens != a.tokens || d.repetition != a.repetition);
    evaluator_free(whole);
    evaluator_free(parts);
    evaluator_free(longer);
}

static void greedy_takes_one_sample(void **state)
{
    (void)state;
    EvalOptions options        = sampled;
    options.sample.temperature = 0;
    Evaluator *evaluator       = new_evaluator(64, MAX_NEW, 0);
    EvalResult a               = evaluate(evaluator, &options);
    assert_int_equal(a.samples, 1);
    assert_int_equal(a.responses, PROBLEMS);
    options.samples = 1;
    EvalResult b    = evaluate(evaluator, &options);
    assert_same_result(&a, &b);
    evaluator_free(evaluator);
}

static bool stop_when_none_is_left(void *user)
{
    uint32_t *left = user;
    *left -= 1;
    return *left == 0;
}

static void it_can_be_stopped(void **state)
{
    (void)state;
    Evaluator  *evaluator = new_evaluator(5, MAX_NEW, 2); /* 5 parts, each of several looks */
    EvalOptions options   = sampled;
    uint32_t    left      = UINT32_MAX;
    EvalResult  result;
    Error       error = {0};
    options.stop      = stop_when_none_is_left;
    options.user      = &left;
    evaluate(evaluator, &options);
    const uint32_t looks = UINT32_MAX - left;
    assert_true(looks >= 5);
    const char *directory = fixture_directory();
    options.events        = events_open(directory, NULL, &error);
    assert_non_null(options.events);
    options.traces = UINT32_MAX;
    for (uint32_t at = 1; at <= looks; at += looks - 1) { /* the first and the last */
        left = at;
        assert_int_equal(evaluator_run(evaluator, tiny.model, &options, &result, &error), STATUS_STOPPED);
        assert_int_equal(left, 0);
        assert_int_equal(events_offsets(options.events).traces, 0); /* none of a run that was stopped */
    }
    events_close(options.events);
    evaluator_free(evaluator);
}

/* Expects evaluator_new to fail with `words` in its text. */
static void assert_refused(const ModelConfig *config, const StopTokens *with, uint32_t max_new, const char *words)
{
    const EvalGeneratorLimits limits = {.requests = 4, .max_new = max_new};
    Error                     error  = {0};
    assert_null(evaluator_new(fixture_gpu(), config, tiny.tokenizer, tiny.task, with, &limits, &error));
    assert_int_equal(error.status, STATUS_BAD_INPUT);
    if (strstr(error.text, words) == NULL) {
        fail_msg("no \"%s\" in: %s", words, error.text);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    ModelConfig small   = tiny.model->config;
    small.max_positions = 30;
    assert_refused(&small, &stops, 20, "at most 17 new tokens");
    ModelConfig few = tiny.model->config;
    few.vocab_size  = 100;
    assert_refused(&few, &stops, 20, "vocab_size is 100");
    assert_refused(&tiny.model->config, &(StopTokens){0}, 20, "no end token");
    Evaluator  *evaluator = new_evaluator(4, 8, 0);
    EvalOptions options   = sampled;
    EvalResult  result;
    Error       error = {0};
    assert_int_equal(evaluator_run(evaluator, tiny.model, &options, &result, &error), STATUS_BAD_INPUT); /* 24 > 8 */
    evaluator_free(evaluator);
}

/* --- a model for the command line's test ------------------------------------------ */

static int write_model(const char *kind, const char *directory)
{
    Error       error = {0};
    const Task *task  = task_find(kind);
    Gpu        *gpu   = task != NULL ? gpu_open(&(GpuOptions){.select = getenv("RLSP_TEST_DEVICE")}, &error) : NULL;
    Model      *model = NULL;
    if (gpu != NULL && file_make_directories(directory, &error) == STATUS_OK) {
        model = make_model(gpu, task, directory, &error);
    }
    if (model != NULL) {
        model_save(model, directory, DTYPE_F32, &error);
    }
    model_free(model);
    gpu_close(gpu);
    if (task == NULL || error.status != STATUS_OK) {
        fprintf(stderr, "cannot make a model of %s: %s\n", kind, task != NULL ? error.text : "no such task");
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        fixture_test(each_response_is_its_problems_and_its_streams),
        fixture_test(slots_and_parts_make_no_difference),
        fixture_test(greedy_takes_one_sample),
        fixture_test(it_can_be_stopped),
        fixture_test(what_does_not_fit_is_refused),
    };
    if (argc == 4 && strcmp(argv[1], "--make-model") == 0) {
        return write_model(argv[2], argv[3]);
    }
    return cmocka_run_group_tests(tests, open_all, close_all);
}
