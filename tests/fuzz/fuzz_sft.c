/* Bytes as a file of SFT data: the first byte chooses the phase's settings, the rest are the lines. Whatever they are,
 * there are steps within the limits, the same again from a saved place, or one line of error. */
#include "engine/text/byte_level.h"
#include "engine/utf8.h"
#include "rlsp/train/sft_file.h"
#include "tests/fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 5, LONGEST = 200 };

static char       path[100];
static Tokenizer *tokenizer;

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

/* A token for every byte, and one that ends a turn. */
static Tokenizer *bytes_alone(void)
{
    static char text[8192];
    char       *out = text;
    out += sprintf(out,
                   "{\"added_tokens\":[{\"id\":256,\"content\":\"<|im_end|>\",\"special\":true}],\"pre_tokenizer\":{"
                   "\"type\":\"ByteLevel\",\"add_prefix_space\":"
                   "false},\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{");
    for (int byte = 0; byte < 256; byte++) {
        out += sprintf(out, "%s\"%s", byte == 0 ? "" : ",", byte == '"' || byte == '\\' ? "\\" : "");
        out += utf8_encode(byte_level_char((unsigned char)byte), out);
        out += sprintf(out, "\":%d", byte);
    }
    sprintf(out, "}}}");
    return tokenizer_parse(text, strlen(text), "bytes", NULL);
}

static void check_batch(const SftBatch *batch, const SftPhase *phase)
{
    double sum = 0;
    require(batch->sequences > 0 && batch->targets > 0 &&
            (phase->batch_tokens > 0 || batch->sequences == phase->batch_size));
    for (uint32_t s = 0; s < batch->sequences; s++) {
        const uint32_t length = batch->starts[s + 1] - batch->starts[s];
        require(length >= 2 && length <= LONGEST && batch->weight[batch->starts[s]] == 0.0f);
    }
    for (uint32_t i = 0; i < batch->starts[batch->sequences]; i++) {
        require(batch->ids[i] >= 0 && batch->ids[i] < 300);
        sum += (double)batch->weight[i];
    }
    require(sum > 0.999 && sum < 1.001);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Error no_chat;
    if (path[0] == '\0') {
        scratch_path(path, "data.jsonl");
        tokenizer = bytes_alone();
        require(tokenizer != NULL);
    }
    if (size == 0) {
        return 0;
    }
    scratch_put(path, "w", data + 1, size - 1);
    SftPhase      phase  = {.batch_size     = 3,
                            .shuffle        = true,
                            .max_length     = LONGEST,
                            .prompt_key     = "prompt",
                            .completion_key = "completion",
                            .messages_key   = "messages",
                            .text_key       = "text"};
    const uint8_t choice = data[0];
    phase.batch_tokens   = choice & 1 ? 300 : 0;
    phase.prompt         = choice & 2 ? PROMPT_CHAT : PROMPT_RAW;
    phase.loss_on        = (RunLossOn)((choice >> 2 & 3) % 3);
    phase.on_error       = choice & 16 ? ON_ERROR_SKIP : ON_ERROR_STOP;
    phase.too_long       = choice & 32 ? TOO_LONG_CUT : TOO_LONG_LEAVE_OUT;
    phase.check_data     = choice & 64 ? CHECK_SAMPLE : CHECK_ALL;
    strcpy(phase.data, path);
    strcpy(phase.system, choice & 128 ? "Be brief." : "");
    Error         error = {0};
    ChatTemplate *chat  = chat_template_open(scratch_folder(), "chatml", &error);
    require(chat != NULL);
    const SftEncoder encoder = {&phase, tokenizer, chat, &no_chat, 256, 1000, 300};
    SftFile         *file    = sft_file_open(&encoder, 1, 0, &error);
    SftBatch         batch = {0}, again = {0};
    for (uint32_t step = 0; file != NULL && step < STEPS; step++) {
        if (sft_file_step(file, step, &batch, &error) != STATUS_OK) {
            break;
        }
        check_batch(&batch, &phase);
        const SftPlace place = sft_file_place(file);
        sft_file_go(file, place);
        require(sft_file_step(file, step, &again, &error) == STATUS_OK && again.sequences == batch.sequences);
        require(memcmp(again.ids, batch.ids, batch.starts[batch.sequences] * sizeof *batch.ids) == 0);
    }
    require(file != NULL || error.status == STATUS_BAD_INPUT);
    require(error.status == STATUS_OK || (error.text[0] != '\0' && strchr(error.text, '\n') == NULL));
    sft_batch_free(&batch);
    sft_batch_free(&again);
    sft_file_free(file);
    chat_template_free(chat);
    return 0;
}
