#include "tests/support/run_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/support/fixture.h"
#include "tui/pane/length_bins.h"

FILE *run_text_begin(RunText *text)
{
    text->file = open_memstream(&text->bytes, &text->length);
    assert_non_null(text->file);
    return text->file;
}

const char *run_text_end(RunText *text)
{
    fclose(text->file);
    return text->bytes;
}

History *run_fixture_open(const char *path)
{
    Error    error;
    History *history = history_open(path, &error);
    if (history == NULL) {
        fail_msg("%s", error.text);
    }
    while (history_update(history, 0)) {
    }
    return history;
}

History *run_fixture_make(const char *name, const char *events)
{
    char directory[512];
    snprintf(directory, sizeof directory, "%s", fixture_path(fixture_directory(), name));
    mkdir(directory, 0700);
    FILE *file = fopen(fixture_path(directory, "events.jsonl"), "w");
    assert_non_null(file);
    fputs(events, file);
    fclose(file);
    return run_fixture_open(directory);
}

static void put_start(FILE *out, const char *name, const char *device, const char *stage, int steps)
{
    fprintf(out,
            "{\"event\":\"run_start\",\"step\":0,\"format\":1,\"name\":\"%s\",\"parameters\":1500000000,\"time_"
            "device\":\"%s\","
            "\"time_device_memory_bytes\":4294967296,\"time_driver\":\"driver 1\",\"time_unix\":1000}\n"
            "{\"event\":\"phase_start\",\"step\":0,\"stage\":\"%s\",\"name\":\"%s\",\"steps\":%d,\"done\":0,\"time_"
            "unix\":1000}\n",
            name, device, stage, stage, steps);
}

History *run_fixture_rl(const char *directory, const char *name)
{
    RunText text;
    FILE   *out = run_text_begin(&text);
    put_start(out, name, "Some GPU", "rl", 100);
    for (int i = 1; i <= RUN_FIXTURE_STEPS; i++) {
        const double part = (double)i / RUN_FIXTURE_STEPS;
        fprintf(
            out,
            "{\"event\":\"rl_step\",\"step\":%d,\"stage_step\":%d,\"reward\":%g,\"reward_sd\":0.2,\"correct\":%g,"
            "\"format\":0,"
            "\"explore_weighted\":0.1,\"accuracy\":%g,\"length\":%g,\"length_sd\":5,\"length_p50\":20,\"length_p95\":"
            "40,"
            "\"attempts\":2,\"distinct\":1.5,\"verified\":1,\"search\":%g,\"backtrack\":0.5,\"backtracks\":1,\"check\":"
            "0,"
            "\"repeats_per_attempt\":0.25,\"kl\":%g,\"entropy\":0.5,\"clip_fraction\":0.05,\"explained_variance\":0.5,"
            "\"grad_norm\":1,\"critic_grad_norm\":2,\"response_tokens\":%g,\"words_backtrack\":3,\"traces_words_"
            "backtrack\":0.5,"
            "\"correct_with_search\":0.8,\"correct_without_search\":0.2,\"correct_with_backtrack\":0.5,"
            "\"correct_without_backtrack\":0.5,\"correct_with_check\":null,\"correct_without_check\":0.5,"
            "\"correct_with_words_backtrack\":0.9,\"correct_without_words_backtrack\":0.1,",
            i, i, part, part / 2, part, 20 + 10 * part, 0.5 + 0.4 * part, part, 100 * (20 + 10 * part));
        for (int b = 0; b < LENGTH_BINS; b++) {
            fprintf(out, "\"length_bin_%d\":%g,", b, b == (i <= 3 ? 1 : 5) ? 0.75 : b == 2 ? 0.25 : 0.0);
        }
        fprintf(
            out,
            "\"length_bins_high\":160,\"time_generate\":1,\"time_judge\":0.001,\"time_score\":0.5,\"time_update\":0.4,"
            "\"time_seconds\":2,\"time_tokens_per_second\":1500,\"time_memory_bytes\":1073741824,"
            "\"time_memory_peak_bytes\":2147483648,\"time_unix\":%d}\n",
            1000 + 2 * i);
        if (i % 20 == 0) {
            fprintf(out, "{\"event\":\"eval\",\"step\":%d,\"accuracy\":%g,\"greedy_accuracy\":0.5,\"time_unix\":%d}\n",
                    i, part, 1000 + 2 * i);
        }
    }
    History *history = run_fixture_make(directory, run_text_end(&text));
    free(text.bytes);
    return history;
}

History *run_fixture_sft(void)
{
    RunText text;
    FILE   *out = run_text_begin(&text);
    put_start(out, "sft", "llvmpipe (LLVM 15)", "sft", 30);
    for (int i = 1; i <= 20; i++) {
        fprintf(out,
                "{\"event\":\"sft_step\",\"step\":%d,\"stage_step\":%d,\"loss\":%g,\"lr\":0.001,\"grad_norm\":1,"
                "\"tokens\":800,"
                "\"targets\":600,\"time_tokens_per_second\":4000,\"time_seconds\":0.2,\"time_unix\":%d}\n",
                i, i, 3.0 / i, 1000 + i);
    }
    History *history = run_fixture_make("sft", run_text_end(&text));
    free(text.bytes);
    return history;
}

History *run_fixture_nothing(void)
{
    return run_fixture_make("nothing", "");
}

History *run_fixture_not_a_number(void)
{
    return run_fixture_make(
        "nan",
        "{\"event\":\"rl_step\",\"step\":1,\"reward\":null,\"length\":null,\"kl\":null,\"length_bins_high\":null}\n"
        "{\"event\":\"rl_step\",\"step\":2,\"reward\":null,\"length\":null,\"kl\":null,\"length_bins_high\":null}\n");
}

History *run_fixture_extreme(void)
{
    return run_fixture_make(
        "extreme",
        "{\"event\":\"rl_step\",\"step\":1,\"reward\":1e30,\"reward_sd\":1e38,\"length\":1e-30,\"length_sd\":1e38,"
        "\"search\":-5,\"backtrack\":1e30,\"backtracks\":1e30,\"correct_with_search\":1e30,\"response_tokens\":1e38,"
        "\"length_p50\":1e30,\"length_p95\":1,\"time_seconds\":1e30,\"time_generate\":-1,\"time_memory_bytes\":1e38,"
        "\"time_tokens_per_second\":-1e30,\"time_unix\":1}\n"
        "{\"event\":\"rl_step\",\"step\":9007199254740000,\"reward\":-1e30,\"length\":-1,\"search\":7,\"time_unix\":"
        "1e300}\n");
}

char *run_fixture_text(const Canvas *canvas)
{
    RunText text;
    FILE   *out = run_text_begin(&text);
    canvas_write_text(canvas, out);
    run_text_end(&text);
    return text.bytes;
}
