/* rlsp generate: a model's continuations of a text, or of token ids in bulk. */
#include <stdlib.h>
#include <unistd.h>

#include "rlsp/cli/cli.h"
#include "rlsp/cli/conversation.h"
#include "rlsp/cli/generate_parts.h"
#include "rlsp/cli/options.h"

static Status converse(Generation *g, Error *error)
{
    const ConversationSetup setup = {.gpu        = g->gpu,
                                     .model      = g->model,
                                     .config     = &g->config,
                                     .tokenizer  = g->tokenizer,
                                     .chat       = g->chat,
                                     .system     = g->options.system,
                                     .stops      = g->stops.ids,
                                     .stop_count = g->options.ignore_eos ? 0 : g->stops.count,
                                     .max_new    = (uint32_t)g->options.max_new,
                                     .cache      = (ComputeType)g->options.cache,
                                     .sample     = generation_sampling(&g->options)};
    return conversation_run(&setup, error);
}

static Status generate(Generation *g, Error *error)
{
    const bool conversation = g->options.chat && g->options.prompt == NULL;
    Status     status       = cli_model_config(&g->options.model, &g->config, error);
    status                  = status == STATUS_OK ? generation_prepare(g, error) : status;
    if (status == STATUS_OK && !conversation) {
        status = generation_read_prompts(g, error);
    }
    if (status != STATUS_OK || (!conversation && g->prompts.count == 0)) {
        return status;
    }
    g->model = cli_model_open(&g->options.model, &g->gpu, error);
    if (g->model == NULL) {
        return error->status;
    }
    g->config.compute = (ComputeType)g->options.model.device.compute;
    return conversation ? converse(g, error) : generation_run(g, error);
}

static void generation_free(Generation *g)
{
    decoder_free(g->decoder);
    model_free(g->model);
    gpu_close(g->gpu);
    tokenizer_free(g->tokenizer);
    token_lines_free(&g->prompts);
    json_line_free(&g->line);
    free(g->tokens);
    token_printer_free(&g->printer);
    chat_template_free(g->chat);
}

int cli_generate(int argc, char **argv)
{
    Generation       g      = {.options = {.model       = {.device = {.command = "generate"}, .weights = WEIGHTS_AS_STORED},
                                           .temperature = 1,
                                           .max_new     = 256,
                                           .samples     = 1}};
    GenerateOptions *o      = &g.options;
    CliDevice       *device = &o->model.device;
    const ArgsOption options[] = {
        args_required(option_model(&o->model.directory)),
        option_adapter(&o->model.adapter),
        option_weights(&o->model.weights),
        option_precision(&device->compute),
        option_kv_cache(&o->cache),
        args_text("prompt", &o->prompt, "S", "the text to continue; else stdin, byte for byte"),
        args_flag("ids", &o->ids, "token ids: a line {\"ids\": […]} in, the new ones out"),
        args_flag("chat", &o->chat,
                  "a conversation: the prompt is a user's message; without --prompt one line each, Ctrl-D ends"),
        args_text("system", &o->system, "S", "--chat: a system prompt"),
        args_text("chat-template", &o->chat_template, "T",
                  "--chat: chatml, llama3, or a Jinja file, instead of the model's own"),
        args_list("chat-set", &o->chat_set, "K=V",
                  "--chat: a variable of the template, as enable_thinking=false; may be repeated"),
        args_real("temperature", &o->temperature, "X", "1: as the model says; 0: greedy (1)", 0, 100),
        option_top_k(&o->top_k, INT32_MAX),
        option_top_p(&o->top_p),
        option_min_p(&o->min_p),
        args_integer("max-new", &o->max_new, "N", "tokens at most (256)", 1, 10000000),
        args_integer("seed", &o->seed, "N", "the same seed, the same text (0)", 0, 9007199254740992.0),
        args_flag("ignore-eos", &o->ignore_eos, "go on after an end token"),
        args_integer("n", &o->samples, "N", "samples per prompt (1)", 1, 100000),
        args_integer("slots", &o->slots, "N", "sequences at once; 0: as many as fit, up to 256 (0)", 0, 65536),
        option_device(&device->options.select),
        option_kernels(&device->kernels),
        args_flag("json", &o->json, "a line of JSON per sample: text, ids, logprobs, stopped"),
        option_validate(&device->options.validate),
    };
    const ArgsCommand command = {
        .name  = "generate",
        .usage = "--model DIR [--adapter DIR] [--prompt S] [options]",
        .summary =
            "Continues a text, sampled or greedy. One sample is printed as it arrives. With --chat the model's chat\n"
            "template is used: one answer to --prompt, or a conversation, in which Ctrl-C ends an answer.",
        .options      = options,
        .option_count = sizeof options / sizeof *options,
    };
    int exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error error        = {0};
    g.printer.terminal = isatty(STDOUT_FILENO) == 1;
    if (o->chat && (o->ids || (o->prompt == NULL && (o->json || o->samples > 1)))) {
        error_set(&error, STATUS_BAD_INPUT,
                  "--chat does not go with --ids, and without --prompt neither with --json nor --n");
    } else if (!o->chat && (o->system != NULL || o->chat_template != NULL || o->chat_set.count > 0)) {
        error_set(&error, STATUS_BAD_INPUT, "--system, --chat-template and --chat-set are for --chat");
    } else if (o->ids && o->prompt != NULL) {
        error_set(&error, STATUS_BAD_INPUT, "--ids reads token ids from stdin; it does not go with --prompt");
    } else {
        generate(&g, &error);
    }
    generation_free(&g);
    return cli_end(&command, &error);
}
