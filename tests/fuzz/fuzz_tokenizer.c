/* Any bytes as a tokenizer.json, with a text to encode behind the last NUL byte; and
 * any bytes as a text for a good tokenizer, which must decode to itself. Seeds:
 * tests/data/parity/json_bad/tokenizer. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/text/tokenizer.h"
#include "engine/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All 256 bytes and a few merges, in the way of GPT-2; built once. */
static Tokenizer *good(void)
{
    static Tokenizer *tokenizer;
    static char       text[16384];
    if (tokenizer == NULL) {
        static const char head[] =
            "{\"added_tokens\":[{\"id\":300,\"content\":\"<x>\",\"special\":true},{\"id\":301,\"content\":\"<x>>\","
            "\"lstrip\":false,\"rstrip\":false}],\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
            "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{";
        static const char tail[] = ",\"ab\":256,\"abab\":257,\"bc\":258,\"\xC4\xA0"
                                   "a\":259},\"merges\":[\"b c\",\"a b\",\"ab ab\",\"\xC4\xA0 a\"]}}";
        size_t            used   = sizeof head - 1;
        memcpy(text, head, used);
        uint32_t other = 0x100;
        for (uint32_t byte = 0; byte < 256; byte++) {
            int printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
            text[used++]  = byte == 0 ? ' ' : ',';
            text[used++]  = '"';
            if (byte == '"' || byte == '\\') {
                text[used++] = '\\';
            }
            used += utf8_encode(printable ? byte : other++, text + used);
            memcpy(text + used, "\":", 2);
            used += 2;
            char   digits[3] = {(char)('0' + byte / 100), (char)('0' + byte / 10 % 10), (char)('0' + byte % 10)};
            size_t skip      = byte >= 100 ? 0 : byte >= 10 ? 1 : 2;
            memcpy(text + used, digits + skip, 3 - skip);
            used += 3 - skip;
        }
        memcpy(text + used, tail, sizeof tail - 1);
        Error error = {0};
        tokenizer   = tokenizer_parse(text, used + sizeof tail - 1, "good", &error);
        if (tokenizer == NULL) {
            abort();
        }
    }
    return tokenizer;
}

static void round_trip(const Tokenizer *tokenizer, const char *text, size_t bytes, int exact)
{
    int32_t *ids;
    size_t   count, back_bytes;
    char    *back;
    if (tokenizer_encode(tokenizer, text, bytes, !exact, &ids, &count, NULL) != STATUS_OK) {
        if (exact && utf8_check(text, bytes) == bytes) {
            abort();
        }
        return;
    }
    if (tokenizer_decode(tokenizer, ids, count, !exact, &back, &back_bytes, NULL) != STATUS_OK ||
        utf8_check(back, back_bytes) != back_bytes) {
        abort();
    }
    if (exact && (back_bytes != bytes || memcmp(back, text, bytes) != 0)) {
        abort();
    }
    free(back);
    free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    round_trip(good(), text, size, 1);
    size_t json = size; /* bytes before the last NUL */
    while (json > 0 && text[json - 1] != '\0') {
        json--;
    }
    size_t     tail      = json;
    Error      error     = {0};
    Tokenizer *tokenizer = tokenizer_parse(text, json == 0 ? size : json - 1, "fuzz", &error);
    if ((tokenizer == NULL) != (error.status == STATUS_BAD_INPUT)) {
        abort();
    }
    if (tokenizer != NULL) {
        round_trip(tokenizer, text + tail, size - tail, 0);
    }
    tokenizer_free(tokenizer);
    return 0;
}
