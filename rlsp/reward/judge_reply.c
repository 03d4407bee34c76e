#include "rlsp/reward/judge_reply.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/io/json.h"
#include "engine/utf8.h"

/* What looking for a grade in one place came to. */
typedef enum Found { FOUND_NOTHING, FOUND_GRADE, FOUND_BAD } Found;

static Found take_number(double value, JudgeReply *reply, char *why, size_t why_size)
{
    if (!(value >= 0 && value <= 1)) {
        snprintf(why, why_size, "the grade %g is not within 0 and 1", value);
        return FOUND_BAD;
    }
    reply->grade = value;
    return FOUND_GRADE;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A decimal number at text[*at..bytes), as JSON spells them or with a bare point; *at moves past it. */
static bool read_number(const char *text, size_t bytes, size_t *at, double *value)
{
    char   digits[40];
    size_t i = *at, used = 0, seen = 0;
    for (; i < bytes && used + 1 < sizeof digits; i++) {
        const char c     = text[i];
        const bool after = used > 0 && (digits[used - 1] == 'e' || digits[used - 1] == 'E');
        if (!is_digit(c) && c != '.' && !((c == '-' || c == '+') && (used == 0 || after)) &&
            !((c == 'e' || c == 'E') && seen > 0 && !after)) {
            break;
        }
        seen += is_digit(c);
        digits[used++] = c;
    }
    while (used > 0 && seen > 0 && digits[used - 1] == '.') { /* "0.7." ends a sentence */
        used--;
        i--;
    }
    digits[used] = '\0';
    char *end;
    *value = seen > 0 ? strtod(digits, &end) : NAN;
    *at    = i;
    return seen > 0 && *end == '\0';
}

/* The grade of an object; no "grade": its "score". */
static Found take_object(const cJSON *object, JudgeReply *reply, char *why, size_t why_size)
{
    const cJSON *grade = cJSON_GetObjectItemCaseSensitive(object, "grade");
    grade              = grade != NULL ? grade : cJSON_GetObjectItemCaseSensitive(object, "score");
    double value       = NAN;
    if (!cJSON_IsObject(object) || grade == NULL) {
        return FOUND_NOTHING;
    }
    if (cJSON_IsString(grade)) {
        size_t at = 0;
        if (!read_number(grade->valuestring, strlen(grade->valuestring), &at, &value) ||
            grade->valuestring[at] != '\0') {
            value = NAN;
        }
    } else if (cJSON_IsNumber(grade)) {
        value = grade->valuedouble;
    }
    if (isnan(value)) {
        snprintf(why, why_size, "the grade is not a number");
        return FOUND_BAD;
    }
    const cJSON *rationale = cJSON_GetObjectItemCaseSensitive(object, "rationale");
    if (cJSON_IsString(rationale)) {
        size_t length = strlen(rationale->valuestring);
        if (length >= sizeof reply->rationale) {
            length = sizeof reply->rationale - 1;
            while (length > 0 &&
                   utf8_check(rationale->valuestring, length) < length) { /* not in the middle of a character */
                length--;
            }
        }
        memcpy(reply->rationale, rationale->valuestring, length);
        reply->rationale[length] = '\0';
    }
    return take_number(value, reply, why, why_size);
}

static Found take_json(const char *text, size_t bytes, JudgeReply *reply, char *why, size_t why_size)
{
    cJSON *root  = NULL;
    Error  error = {0};
    Found  found = FOUND_NOTHING;
    if (json_parse(text, bytes, "judge", &root, &error) == STATUS_OK) {
        found = take_object(root, reply, why, why_size);
    }
    cJSON_Delete(root);
    return found;
}

/* text[0..bytes) is at "{": the bytes up to its "}", strings taken into account; 0: it has none. */
static size_t object_bytes(const char *text, size_t bytes)
{
    size_t depth  = 0;
    bool   quoted = false;
    for (size_t i = 0; i < bytes; i++) {
        if (quoted) {
            i += text[i] == '\\';
            quoted = i >= bytes || text[i] != '"';
        } else if (text[i] == '"') {
            quoted = true;
        } else if (text[i] == '{') {
            depth++;
        } else if (text[i] == '}' && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* Where `word` begins in text[from..bytes); `bytes`: nowhere. */
static size_t find(const char *text, size_t from, size_t bytes, const char *word)
{
    const size_t length = strlen(word);
    for (size_t i = from; i + length <= bytes; i++) {
        if (strncasecmp(text + i, word, length) == 0) {
            return i;
        }
    }
    return bytes;
}

static Found take_fences(const char *text, size_t bytes, JudgeReply *reply, char *why, size_t why_size)
{
    enum { FENCES_MAX = 8 };
    size_t at = 0;
    for (int n = 0; n < FENCES_MAX && (at = find(text, at, bytes, "```")) < bytes; n++) {
        const size_t end   = find(text, at + 3, bytes, "```");
        size_t       start = at + 3;
        while (start < end && text[start] != '{' && text[start] != '\n') { /* the language */
            start++;
        }
        const Found found = take_json(text + start, end - start, reply, why, why_size);
        if (found != FOUND_NOTHING) {
            return found;
        }
        at = end + 3 < bytes ? end + 3 : bytes;
    }
    return FOUND_NOTHING;
}

static Found take_objects(const char *text, size_t bytes, JudgeReply *reply, char *why, size_t why_size)
{
    enum { OBJECTS_MAX = 8 }; /* bounds the work */
    int tried = 0;
    for (size_t i = 0; i < bytes && tried < OBJECTS_MAX; i++) {
        if (text[i] == '{') {
            const size_t length = object_bytes(text + i, bytes - i);
            const Found  found  = length > 0 ? take_json(text + i, length, reply, why, why_size) : FOUND_NOTHING;
            if (found != FOUND_NOTHING) {
                return found;
            }
            tried++;
        }
    }
    return FOUND_NOTHING;
}

/* A number after the word at text[at..]: closing quotes, stars and spaces, a colon or "=", and the like again. */
static bool read_after_word(const char *text, size_t bytes, size_t at, double *value)
{
    static const char dress[] = " \t\"'*_`";
    while (at < bytes && text[at] != '\0' && strchr(dress, text[at]) != NULL) {
        at++;
    }
    if (at == bytes || (text[at] != ':' && text[at] != '=')) {
        return false;
    }
    at++;
    while (at < bytes && text[at] != '\0' && strchr(dress, text[at]) != NULL) {
        at++;
    }
    if (!read_number(text, bytes, &at, value)) {
        return false;
    }
    /* "0.7/1", "70%", "0,7" and "0.7x" are something else */
    const char next = at < bytes ? text[at] : ' ';
    if (next == '/' || next == '%' || ((next | 0x20) >= 'a' && (next | 0x20) <= 'z') ||
        (next == ',' && at + 1 < bytes && is_digit(text[at + 1]))) {
        *value = NAN;
    }
    return true;
}

static Found take_words(const char *text, size_t bytes, JudgeReply *reply, char *why, size_t why_size)
{
    static const char *const words[] = {"grade", "score"};
    double                   value   = NAN, other;
    bool                     any     = false;
    for (int w = 0; w < 2; w++) {
        for (size_t at = 0; (at = find(text, at, bytes, words[w])) < bytes; at++) {
            if (!read_after_word(text, bytes, at + strlen(words[w]), &other)) {
                continue;
            }
            if (isnan(other) || (any && other != value)) {
                snprintf(why, why_size, isnan(other) ? "the grade is not a number" : "more than one grade");
                return FOUND_BAD;
            }
            value = other;
            any   = true;
        }
    }
    return any ? take_number(value, reply, why, why_size) : FOUND_NOTHING;
}

bool judge_reply_read_text(const char *text, size_t bytes, JudgeReply *reply, char *why, size_t why_size)
{
    static Found (*const ways[])(const char *, size_t, JudgeReply *, char *, size_t) = {take_json, take_fences,
                                                                                        take_objects, take_words};
    reply->grade                                                                     = NAN;
    reply->rationale[0]                                                              = '\0';
    for (size_t at = 0; (at = find(text, 0, bytes, "</think>")) < bytes;) {
        text += at + strlen("</think>");
        bytes -= at + strlen("</think>");
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const Found found = ways[i](text, bytes, reply, why, why_size);
        if (found != FOUND_NOTHING) {
            return found == FOUND_GRADE;
        }
    }
    snprintf(why, why_size, "no grade in the judge's answer");
    return false;
}

/* The text of a message: a string, or the text parts of an array. NULL: none, or out of memory. */
static char *text_of(const cJSON *content)
{
    if (cJSON_IsString(content)) {
        return strdup(content->valuestring);
    }
    size_t bytes = 1;
    for (int pass = 0;; pass++) {
        char *text = pass == 1 ? calloc(bytes, 1) : NULL;
        char *at   = text;
        for (const cJSON *part                                 = cJSON_IsArray(content) ? content->child : NULL;
             part != NULL && (pass == 0 || text != NULL); part = part->next) {
            const cJSON *piece = cJSON_GetObjectItemCaseSensitive(part, "text");
            if (cJSON_IsString(piece)) {
                const size_t length = strlen(piece->valuestring);
                bytes += pass == 0 ? length : 0;
                at = pass == 1 ? (char *)memcpy(at, piece->valuestring, length) + length : at;
            }
        }
        if (pass == 1 || bytes == 1) {
            return text;
        }
    }
}

static double count_of(const cJSON *usage, const char *key)
{
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(usage, key);
    return cJSON_IsNumber(count) && count->valuedouble >= 0 && count->valuedouble < 1e9 ? floor(count->valuedouble) : 0;
}

bool judge_reply_read(const char *body, size_t bytes, JudgeReply *reply, char *why, size_t why_size)
{
    cJSON *root  = NULL;
    Error  error = {0};
    *reply       = (JudgeReply){.grade = NAN};
    if (json_parse(body, bytes, "the answer", &root, &error) != STATUS_OK) {
        snprintf(why, why_size, "%s", bytes == 0 ? "an empty answer" : error.text);
        return false;
    }
    const cJSON *choices = cJSON_GetObjectItemCaseSensitive(root, "choices");
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(choices, 0), "message");
    const cJSON *usage   = cJSON_GetObjectItemCaseSensitive(root, "usage");
    char        *text    = text_of(cJSON_GetObjectItemCaseSensitive(message, "content"));
    reply->prompt_tokens = count_of(usage, "prompt_tokens");
    reply->answer_tokens = count_of(usage, "completion_tokens");
    bool good            = text != NULL;
    if (good) {
        good = judge_reply_read_text(text, strlen(text), reply, why, why_size);
    } else {
        snprintf(why, why_size, "the answer has no choices[0].message.content");
    }
    free(text);
    cJSON_Delete(root);
    return good;
}
