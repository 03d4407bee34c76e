/* The peers: PyTorch and, of one sequence, llama.cpp on the same machine, measured in the same run
 * (tests/bench/torch_peer.py, llama_peer.py). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/io/json.h"
#include "rlsp/cli/bench.h"

enum { COMMAND_MAX = 3 * 4096, PEER_NAME = 256 };

static const char torch_peer[] = "tests/bench/torch_peer.py", llama_peer[] = "tests/bench/llama_peer.py";

/* The absolute path of one of them beside the sources: from here, or from where this program lies. */
static bool find_script(const char *file, char *path, size_t size)
{
    static const char *const from_program[] = {"..", "../..", "../../.."};
    char                     program[2048];
    if (access(file, R_OK) == 0 && getcwd(program, sizeof program) != NULL) {
        snprintf(path, size, "%s/%s", program, file);
        return true;
    }
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0) {
        return false;
    }
    program[length]        = '\0';
    *strrchr(program, '/') = '\0';
    for (size_t i = 0; i < sizeof from_program / sizeof *from_program; i++) {
        snprintf(path, size, "%s/%s/%s", program, from_program[i], file);
        if (access(path, R_OK) == 0) {
            return true;
        }
    }
    return false;
}

static void no_peer(Bench *bench, const char *why)
{
    if (bench->json) {
        json_line_key(&bench->line, "peer");
        json_line_null(&bench->line);
        json_line_text_field(&bench->line, "no_peer", why);
    } else {
        printf("  no peer: %s\n", why);
    }
}

/* One line of a script's output, of the bench's shape and tokens; false if there is none. */
static bool run_peer(Bench *bench, const char *script, const char *what, const char *more, char *line, int size)
{
    const char *python = getenv("RLSP_TORCH_PYTHON"); /* words: "chroot /elsewhere python3" works too */
    char        command[COMMAND_MAX];
    if (strchr(script, '\'') != NULL) {
        return false;
    }
    const ModelConfig *c = &bench->model.config;
    snprintf(command, sizeof command, "%s '%s' %s --shape %u,%u,%u,%u,%u,%u --prompt %u --new %u%s %s 2>/dev/null",
             python != NULL && python[0] != '\0' ? python : "python3", script, what, c->hidden_size, c->layers,
             c->heads, c->kv_heads, c->intermediate_size, c->vocab_size, bench->prompt, bench->new_tokens,
             bench->cpu_time ? " --cpu-time" : "", more);
    fflush(stdout);
    FILE *output = popen(command, "r");
    if (output == NULL) {
        return false;
    }
    const bool got = fgets(line, size, output) != NULL;
    return pclose(output) == 0 && got;
}

/* The number `key` of what the peer finds, and its name; false: `why` there is none. */
static bool measure(Bench *bench, const char *what, const char *more, const char *key, double *rate,
                    char name[PEER_NAME], char why[PEER_NAME])
{
    char   script[4096], line[4096], sizes[512];
    Error  error = {0};
    cJSON *root  = NULL;
    snprintf(sizes, sizeof sizes, "--batch %u --length %u --seconds %g --sequences %u --device %s %s",
             bench->model.sequences, bench->model.length, bench->seconds, bench->sequences,
             gpu_info(bench->gpu)->type == GPU_CPU ? "cpu" : "auto", more);
    if (!find_script(torch_peer, script, sizeof script)) {
        snprintf(why, PEER_NAME, "tests/bench/torch_peer.py is not here; run from the source directory");
        return false;
    }
    if (!run_peer(bench, script, what, sizes, line, sizeof line)) {
        snprintf(why, PEER_NAME, "no python3 with PyTorch found; name one in RLSP_TORCH_PYTHON");
        return false;
    }
    JsonObject  object;
    const char *peer = "", *blas = "";
    const bool  good = json_parse(line, strlen(line), "torch_peer.py", &root, &error) == STATUS_OK &&
                      json_root(&object, root, "torch_peer.py", &error) == STATUS_OK &&
                      json_get_f64(&object, key, JSON_REQUIRED, 1e-9, 1e15, rate, &error) == STATUS_OK &&
                      json_get_string(&object, "peer", JSON_REQUIRED, &peer, &error) == STATUS_OK &&
                      json_get_string(&object, "blas", JSON_OPTIONAL, &blas, &error) == STATUS_OK;
    snprintf(name, PEER_NAME, "%.150s, BLAS: %.60s", peer, blas);
    snprintf(why, PEER_NAME, "%.200s", error.text);
    cJSON_Delete(root);
    return good;
}

static void add_row(Bench *bench, const char *what, const char *unit, double ours, double peer)
{
    if (bench->row_count < BENCH_ROWS) {
        bench->rows[bench->row_count++] = (BenchRow){what, unit, ours, peer, bench->share, bench->share_of};
    }
    bench->share = 0;
}

void bench_peer(Bench *bench, const char *what, double tokens_per_second)
{
    char   name[PEER_NAME] = "", why[PEER_NAME] = "";
    double rate = 0;
    if (!bench->peer) {
        add_row(bench, what, "tokens/s", tokens_per_second, 0);
        return;
    }
    const bool there = measure(bench, what, bench->compute == COMPUTE_BF16 ? "--dtype autocast" : "",
                               "tokens_per_second", &rate, name, why);
    add_row(bench, what, "tokens/s", tokens_per_second, there ? rate : 0);
    if (!there) {
        no_peer(bench, why);
    } else if (bench->json) {
        json_line_text_field(&bench->line, "peer", name);
        json_line_number_field(&bench->line, "peer_tokens_per_second", rate);
        json_line_number_field(&bench->line, "ratio_to_peer", tokens_per_second / rate);
    } else {
        printf("  %.2f times %s (%.0f tokens/s)\n", tokens_per_second / rate, name, rate);
    }
}

/* Parameters of the bench's model, without norms. */
static double parameters_of(const ModelConfig *c)
{
    const double width = c->hidden_size, q = (double)c->heads * c->head_dim, kv = (double)c->kv_heads * c->head_dim;
    return width * (c->layers * (2 * q + 2 * kv + 3.0 * c->intermediate_size) + c->vocab_size);
}

void bench_peer_llama(Bench *bench, double prompt, double later)
{
    const double most = 500e6; /* parameters, that it is worth making a file of f32 for */
    char         script[4096], line[4096];
    Error        error = {0};
    cJSON       *root  = NULL;
    JsonObject   object;
    double       peer_prompt = 0, peer_later = 0;
    if (!bench->peer || bench->sequences != 1 || parameters_of(&bench->model.config) > most ||
        !find_script(llama_peer, script, sizeof script)) {
        return;
    }
    const bool there =
        run_peer(bench, script, "", "", line, sizeof line) &&
        json_parse(line, strlen(line), "llama_peer.py", &root, &error) == STATUS_OK &&
        json_root(&object, root, "llama_peer.py", &error) == STATUS_OK &&
        json_get_f64(&object, "prompt_tokens_per_second", JSON_REQUIRED, 1e-9, 1e15, &peer_prompt, &error) ==
            STATUS_OK &&
        json_get_f64(&object, "later_tokens_per_second", JSON_REQUIRED, 1e-9, 1e15, &peer_later, &error) == STATUS_OK;
    cJSON_Delete(root);
    if (bench->json && there) {
        json_line_number_field(&bench->line, "llama_prompt_tokens_per_second", peer_prompt);
        json_line_number_field(&bench->line, "llama_later_tokens_per_second", peer_later);
    } else if (there) {
        printf(
            "  %.1f times llama.cpp's Vulkan backend in the prompt (%.0f tokens/s), %.1f times in new tokens after it "
            "(%.1f tokens/s)\n",
            prompt / peer_prompt, peer_prompt, later / peer_later, peer_later);
    } else if (!bench->json) {
        printf("  no llama-bench with its Vulkan backend, and no python with gguf and numpy for its model\n");
    }
}

void bench_peer_product(Bench *bench, double gflops)
{
    char       name[PEER_NAME], why[PEER_NAME], sizes[64];
    double     rate = 0;
    const bool cpu  = gpu_info(bench->gpu)->type == GPU_CPU;
    snprintf(sizes, sizeof sizes, "--sizes %s", cpu ? "512" : "4096,8192");
    const bool there = bench->peer && measure(bench, "gemm", sizes, "gflops", &rate, name, why);
    add_row(bench, "best product, f32", "GFLOP/s", gflops, there ? rate : 0);
}
