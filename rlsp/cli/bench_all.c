/* rlsp bench all: training, decoding and a step of PPO, in one table beside PyTorch or the device's own best. */
#include <stdio.h>

#include "rlsp/cli/bench.h"
#include "rlsp/cli/profile.h"

static const char *const parts[] = {"train", "decode", "ppo"};
enum { PARTS = sizeof parts / sizeof parts[0] };

static void print_table(const Bench *bench, const Ceilings *best)
{
    printf("\n%-20s %12s %-9s %12s %7s\n", "", "rlsp", "", "peer", "ratio");
    for (int i = 0; i < bench->row_count; i++) {
        const BenchRow *row = &bench->rows[i];
        printf("%-20s %12.5g %-9s", row->what, row->ours, row->unit);
        if (row->peer > 0) {
            printf(" %12.5g %7.2f", row->peer, row->ours / row->peer);
        } else {
            printf(" %12s %7s", "-", "");
        }
        if (row->share > 0) {
            printf("  %.0f%% of %s", 100 * row->share, row->share_of);
        }
        putchar('\n');
    }
    printf("%-20s %12.5g %-9s\n", "large copy", best->copy_bytes * 1e-9, "GB/s");
}

static void json_table(Bench *bench, const Ceilings *best)
{
    JsonLine *line = &bench->line;
    json_line_number_field(line, "copy_gbytes_per_second", best->copy_bytes * 1e-9);
    json_line_key(line, "rows");
    json_line_begin(line, '[');
    for (int i = 0; i < bench->row_count; i++) {
        const BenchRow *row = &bench->rows[i];
        json_line_begin(line, '{');
        json_line_text_field(line, "what", row->what);
        json_line_text_field(line, "unit", row->unit);
        json_line_number_field(line, "rlsp", row->ours);
        if (row->peer > 0) {
            json_line_number_field(line, "peer", row->peer);
            json_line_number_field(line, "ratio", row->ours / row->peer);
        }
        if (row->share > 0) {
            json_line_number_field(line, "share", row->share);
            json_line_text_field(line, "share_of", row->share_of);
        }
        json_line_end(line, '}');
    }
    json_line_end(line, ']');
}

Status bench_all(Bench *bench, Error *error)
{
    const uint32_t prompt = bench->prompt, new_tokens = bench->new_tokens;
    Ceilings       best   = {0};
    Status         status = ceilings_measure(bench->gpu, &best, error);
    bench->copy_bytes     = best.copy_bytes;
    if (status == STATUS_OK) {
        bench_peer_product(bench, best.product_flops * 1e-9);
    }
    for (int i = 0; i < PARTS && status == STATUS_OK; i++) {
        const BenchKind *kind = bench_kind(parts[i]);
        bench->prompt         = prompt > 0 ? prompt : kind->prompt;
        bench->new_tokens     = new_tokens > 0 ? new_tokens : kind->new_tokens;
        if (bench->json) {
            json_line_key(&bench->line, kind->name);
            json_line_begin(&bench->line, '{');
        } else {
            putchar('\n');
        }
        status = kind->run(bench, error);
        if (bench->json) {
            json_line_end(&bench->line, '}');
        }
    }
    if (status == STATUS_OK && bench->json) {
        json_table(bench, &best);
    } else if (status == STATUS_OK) {
        print_table(bench, &best);
    }
    return status;
}
