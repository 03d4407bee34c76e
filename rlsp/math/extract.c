#include "rlsp/math/extract.h"

#include <string.h>

#include "rlsp/math/box.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void keep(MathAnswer *answer, const char *response, size_t begin, size_t end, MathExtractWay way)
{
    while (begin < end && (is_space(response[begin]) || strchr(":$*", response[begin]) != NULL) &&
           response[begin] != '\0') {
        begin++;
    }
    while (end > begin && (is_space(response[end - 1]) || strchr(".$*", response[end - 1]) != NULL) &&
           response[end - 1] != '\0') {
        end--;
    }
    answer->found  = end > begin;
    answer->text   = response + begin;
    answer->length = end - begin;
    answer->way    = way;
    answer->offset = begin;
}

/* The last place of a phrase: the index behind it; 0: it is not there. */
static size_t behind_last(const char *response, size_t length, const char *phrase)
{
    size_t n = strlen(phrase);
    for (size_t end = length; end >= n; end--) {
        if (memcmp(response + end - n, phrase, n) == 0) {
            return end;
        }
    }
    return 0;
}

/* From `begin`: what stands between dollar signs, if it begins with one, or else up to the end of the sentence. */
static size_t sentence_end(const char *response, size_t length, size_t begin)
{
    size_t i = begin;
    while (i < length && (response[i] == ' ' || response[i] == ':')) {
        i++;
    }
    if (i < length && response[i] == '$') {
        size_t dollars = i;
        while (dollars < length && response[dollars] == '$') {
            dollars++;
        }
        const char *close = memchr(response + dollars, '$', length - dollars);
        if (close != NULL) {
            return (size_t)(close - response);
        }
    }
    for (; i < length && response[i] != '\n'; i++) {
        if (response[i] == '.' && (i + 1 == length || is_space(response[i + 1]))) {
            break;
        }
    }
    return i;
}

static bool find_phrase(MathAnswer *answer, const char *response, size_t length, const char *phrase)
{
    size_t begin = behind_last(response, length, phrase);
    if (begin > 0) {
        keep(answer, response, begin, sentence_end(response, length, begin), MATH_BY_PHRASE);
    }
    return answer->found;
}

static bool find_hashes(MathAnswer *answer, const char *response, size_t length)
{
    size_t begin = behind_last(response, length, "####");
    if (begin > 0) {
        const char *line = memchr(response + begin, '\n', length - begin);
        keep(answer, response, begin, line == NULL ? length : (size_t)(line - response), MATH_BY_HASHES);
    }
    return answer->found;
}

static bool find_last_number(MathAnswer *answer, const char *response, size_t length)
{
    size_t end = length;
    while (end > 0 && !is_digit(response[end - 1])) {
        end--;
    }
    size_t begin = end;
    while (begin > 0 &&
           (is_digit(response[begin - 1]) || ((response[begin - 1] == '.' || response[begin - 1] == ',') && begin > 1 &&
                                              is_digit(response[begin - 2]) && begin < end))) {
        begin--;
    }
    begin -= begin > 0 && response[begin - 1] == '-';
    if (end > begin) {
        keep(answer, response, begin, end, MATH_BY_LAST_NUMBER);
    }
    return answer->found;
}

static bool find_box(MathAnswer *answer, const char *response, size_t length, const MathExtractPolicy *policy)
{
    const BoxRule rule = {.fbox = policy->fbox, .skip_quoted = true};
    Boxes         boxes;
    bool          found  = boxes_find_by(&rule, response, length, &boxes);
    bool          first  = policy->choice == MATH_BOX_FIRST;
    size_t        begin  = first ? boxes.first_content : boxes.content;
    size_t        n      = first ? boxes.first_length : boxes.content_length;
    answer->boxes        = boxes.count;
    answer->boxes_differ = boxes.differ;
    if (!found || n == 0 || (policy->choice == MATH_BOX_ONLY && boxes.differ)) {
        return false;
    }
    answer->found  = true;
    answer->text   = response + begin;
    answer->length = n;
    answer->way    = MATH_BY_BOX;
    answer->offset = first ? boxes.first : boxes.offset;
    return true;
}

bool math_extract(const char *response, size_t length, const MathExtractPolicy *policy, MathAnswer *answer)
{
    static const MathExtractPolicy standard = {MATH_BOX_LAST, false, false};
    policy                                  = policy == NULL ? &standard : policy;
    *answer                                 = (MathAnswer){.text = response, .offset = length};
    bool hope                               = policy->phrases && behind_last(response, length, "I hope") > 0;
    if (hope && find_phrase(answer, response, length, "final answer is")) {
        return true;
    }
    return find_box(answer, response, length, policy) ||
           (policy->phrases && (find_phrase(answer, response, length, "he answer is") ||
                                find_phrase(answer, response, length, "final answer is") ||
                                find_hashes(answer, response, length) || find_last_number(answer, response, length)));
}

const char *math_extract_way(MathExtractWay way)
{
    static const char *const names[] = {"box", "phrase", "hashes", "last number"};
    return names[way];
}
