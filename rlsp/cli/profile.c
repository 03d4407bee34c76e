/* The table of --profile. */
#include "rlsp/cli/profile.h"

void profile_take(const Gpu *gpu, Profile *profile)
{
    *profile = (Profile){
        .sum = gpu_profile(gpu), .cpu = gpu_info(gpu)->type == GPU_CPU, .timestamps = gpu_info(gpu)->tier.timestamps};
    profile->row_count = gpu_profile_rows(gpu, profile->rows, PROFILE_ROWS);
}

/* "12.3" and "45%" of `most`; dashes where nothing is known. */
static void print_rate(FILE *out, double amount, double seconds, double most)
{
    if (amount <= 0 || seconds <= 0) {
        fprintf(out, " %9s %5s", "-", "");
    } else if (most <= 0) {
        fprintf(out, " %9.4g %5s", amount / seconds * 1e-9, "");
    } else {
        fprintf(out, " %9.4g %4.0f%%", amount / seconds * 1e-9, 100 * amount / seconds / most);
    }
}

static void print_part(FILE *out, const char *name, double seconds, double wall, double steps)
{
    fprintf(out, "%-28s %10s %10.3f %6.1f%%\n", name, "", 1e3 * seconds / steps, 100 * seconds / wall);
}

void profile_print(FILE *out, const Profile *profile, double steps)
{
    const GpuProfile *sum  = &profile->sum;
    const Ceilings   *most = &profile->ceilings;
    if (sum->wall_seconds <= 0) {
        fprintf(out, "nothing was timed: %s\n", profile->timestamps ? "nothing ran" : "this device has no timestamps");
        return;
    }
    fprintf(out, "%-28s %10s %10s %7s %9s %5s %9s %5s\n", "kernel", "calls/step", "ms/step", "share", "GFLOP/s", "best",
            "GB/s", "copy");
    double flops = 0;
    for (int i = 0; i < profile->row_count; i++) {
        const GpuProfileRow *row = &profile->rows[i];
        fprintf(out, "%-28s %10.4g %10.3f %6.1f%%", row->kernel, (double)row->calls / steps, 1e3 * row->seconds / steps,
                100 * row->seconds / sum->wall_seconds);
        print_rate(out, row->flops, row->seconds, most->product_flops);
        print_rate(out, row->bytes, row->seconds, most->copy_bytes);
        fputc('\n', out);
        flops += row->flops;
    }
    print_part(out, "between kernels", sum->gap_seconds, sum->wall_seconds, steps);
    print_part(out, "device idle", sum->idle_seconds, sum->wall_seconds, steps);
    fprintf(out, "%-28s %10.4g %10.3f %6.1f%%", "all", (double)sum->kernels / steps, 1e3 * sum->wall_seconds / steps,
            100.0);
    print_rate(out, flops, sum->wall_seconds, most->product_flops);
    fputc('\n', out);
    if (most->copy_bytes > 0) {
        fprintf(out,
                "best: %.4g GFLOP/s, this device's best large product; copy: %.4g GB/s, read and written, of a large "
                "copy\n",
                most->product_flops * 1e-9, most->copy_bytes * 1e-9);
    }
    fprintf(out, "GB/s: what a kernel is given, once; above 100%% it came from a cache, or not all was touched. "
                 "Kernels ran one at a "
                 "time.\n");
    if (profile->cpu) {
        fprintf(out, "The device is a CPU: its timestamps are the clock's, other processes' share of the processor "
                     "counts in them.\n");
    }
    if (sum->untimed > 0) {
        fprintf(out, "%llu kernels were not timed, too many for one recording; they are in \"between kernels\".\n",
                (unsigned long long)sum->untimed);
    }
}

void profile_json(JsonLine *line, const Profile *profile, double steps)
{
    const GpuProfile *sum  = &profile->sum;
    const Ceilings   *most = &profile->ceilings;
    json_line_key(line, "profile");
    json_line_begin(line, '[');
    for (int i = 0; i < profile->row_count; i++) {
        const GpuProfileRow *row = &profile->rows[i];
        json_line_begin(line, '{');
        json_line_text_field(line, "kernel", row->kernel);
        json_line_number_field(line, "calls", (double)row->calls);
        json_line_number_field(line, "seconds", row->seconds);
        json_line_number_field(line, "share", sum->wall_seconds > 0 ? row->seconds / sum->wall_seconds : 0);
        json_line_number_field(line, "flops", row->flops);
        json_line_number_field(line, "bytes", row->bytes);
        if (row->seconds > 0 && most->copy_bytes > 0) {
            json_line_number_field(line, "share_of_product", row->flops / row->seconds / most->product_flops);
            json_line_number_field(line, "share_of_copy", row->bytes / row->seconds / most->copy_bytes);
        }
        json_line_end(line, '}');
    }
    json_line_end(line, ']');
    json_line_key(line, "profile_total");
    json_line_begin(line, '{');
    json_line_number_field(line, "steps", steps);
    json_line_number_field(line, "runs", (double)sum->runs);
    json_line_number_field(line, "kernels", (double)sum->kernels);
    json_line_number_field(line, "untimed_kernels", (double)sum->untimed);
    json_line_number_field(line, "wall_seconds", sum->wall_seconds);
    json_line_number_field(line, "kernel_seconds", sum->kernel_seconds);
    json_line_number_field(line, "gap_seconds", sum->gap_seconds);
    json_line_number_field(line, "idle_seconds", sum->idle_seconds);
    json_line_end(line, '}');
    json_line_key(line, "ceilings");
    json_line_begin(line, '{');
    json_line_number_field(line, "product_gflops", most->product_flops * 1e-9);
    json_line_number_field(line, "copy_gbytes_per_second", most->copy_bytes * 1e-9);
    json_line_end(line, '}');
}
