/* Judge: a language model behind an OpenAI-compatible endpoint that grades how much thinking responses show.
 *
 *     JudgeOptions options = {.http = http_options_default(), .prompt = {.model = "m", .max_tokens = 512}, .fallback =
 * 0.5}; options.http.name = "reward.explore", options.http.url = "http://127.0.0.1:8080/v1"; Judge *judge =
 * judge_open(&options, &error);
 *     judge_begin(judge, count, &error);                           // a batch of up to `count` items
 *     judge_ask(judge, 0, &items[0], &error);                      // returns at once; and so on, as they come up
 *     judge_wait(judge, stop, user, scores, &stats, &error);       // scores[count]
 *     judge_close(judge);
 *
 * All requests of a batch are under way together, as far as options.http.concurrency lets them. A response that the
 * judge gives no grade to, after all tries, gets the fallback, and says so. The answers of llama.cpp's server, vLLM and
 * the like are read the same way (judge_reply.h). See judge_prompt.h for what is asked.
 */
#ifndef RLSP_REWARD_JUDGE_H
#define RLSP_REWARD_JUDGE_H

#include "rlsp/remote/http.h"
#include "rlsp/reward/judge_prompt.h"
#include "rlsp/reward/judge_reply.h"

typedef struct JudgeOptions {
    HttpOptions http; /* url: where the API begins (…/v1), or the whole address (…/chat/completions) */
    JudgePrompt prompt;
    double      fallback; /* the grade where there is none                                              */
    bool        cache;    /* the same response to the same problem is asked about once in a batch        */
} JudgeOptions;

typedef struct JudgeItem {
    const char *problem;
    size_t      problem_bytes;
    const char *response;
    size_t      bytes;
} JudgeItem;

typedef struct JudgeScore {
    bool     asked;    /* false: nobody asked; all zeros                    */
    bool     shared;   /* the grade of an item before it (cache)            */
    bool     fallback; /* no grade came; `error` says why                   */
    double   grade;    /* in [0, 1]; the fallback where none came           */
    uint32_t tries;
    double   seconds;                          /* of the last try                                   */
    char     rationale[JUDGE_RATIONALE_BYTES]; /* the judge's own words                             */
    char     error[HTTP_ERROR_BYTES];
} JudgeScore;

/* Of a batch. */
typedef struct JudgeStats {
    uint32_t items, fallbacks; /* asked about, shared ones included; of them without a grade */
    HttpCost http;
    double   grade;                        /* mean over the items                                      */
    double   prompt_tokens, answer_tokens; /* as the server counts, in all                             */
    char     error[HTTP_ERROR_BYTES];      /* of the first item that got the fallback; "": none        */
} JudgeStats;

typedef struct Judge Judge;

/* Whether judge_open would take them. Errors are STATUS_BAD_INPUT and name the key. */
Status judge_options_check(const JudgeOptions *options, Error *error);

/* Texts of the options are copied. */
Judge *judge_open(const JudgeOptions *options, Error *error);
void   judge_close(Judge *judge); /* NULL is allowed; takes back what is running */

/* Begins a batch of up to `count` items; one at a time. */
Status judge_begin(Judge *judge, uint32_t count, Error *error);

/* Asks about item `index` of the batch. On any thread, several at once; each index at most once, in any order, which
 * shows in no score. The item's texts have to stay where they are until judge_wait. */
Status judge_ask(Judge *judge, uint32_t index, const JudgeItem *item, Error *error);

/* Nothing more is asked; waits for the batch: scores [count of judge_begin]. STATUS_STOPPED as http_wait. Grades that
 * did not come are no error here. */
Status judge_wait(Judge *judge, bool (*stop)(void *user), void *user, JudgeScore *scores, JudgeStats *stats,
                  Error *error);

/* Its address, for messages. */
const char *judge_url(const Judge *judge);

#endif
