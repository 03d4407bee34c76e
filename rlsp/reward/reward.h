/* The reward of a response: correctness and exploration, kept apart to the end.
 *
 *     RewardConfig config = reward_config_default();
 *     config.correct        = 0.7;
 *     config.explore.kind   = EXPLORE_EFFORT;
 *     config.explore.weight = 0.3;
 *     if (reward_config_check(&config, &error) != STATUS_OK) …
 *     RewardInput input = {.response = text, .length = bytes, .response_tokens = n, .max_tokens = 176};
 *     RewardParts parts;
 *     reward_compute(&config, task, &problem, &input, &parts);   // parts.total
 *
 *     total = clip(correct * outcome + explore.weight * explore)
 *     outcome = 1 right, `wrong` wrong, `no_answer` without an answer
 *
 * The arms of the recipes:
 *     A   correct 1, none                      (countdown, pick-three)
 *     B   correct .7, effort weight .3 cap 6
 *     L   correct 1, length weight 1 c 10      (pick-three: c 5)
 *     LG  correct 1, length of_attempts, weight 1, c 10, cap 6
 *     C   correct 0, fraction weight 1, limit 0 (pick-three: limit 128)
 *     H   correct .5, effort weight .5 cap 8 until_hit
 *     V   H and verified
 */
#ifndef RLSP_REWARD_REWARD_H
#define RLSP_REWARD_REWARD_H

#include "rlsp/task/task.h"

typedef enum ExploreKind {
    EXPLORE_NONE,
    EXPLORE_LENGTH,   /* -c / n, n the response's tokens (of_attempts: 12 + 20 * min(distinct, cap)) */
    EXPLORE_EFFORT,   /* min(distinct valid attempts, cap) / cap                                     */
    EXPLORE_FRACTION, /* min(n, limit) / limit                                                       */
    EXPLORE_JUDGE     /* not built yet: reward_config_check refuses it                               */
} ExploreKind;

typedef struct RewardConfig {
    double correct;   /* weight of the outcome                       */
    double wrong;     /* outcome of a wrong answer: 0                */
    double no_answer; /* outcome without one: -0.5                   */
    struct {
        ExploreKind kind;
        double      weight;
        double      c;           /* length                                               */
        bool        of_attempts; /* length: by distinct valid attempts, not tokens (LG)  */
        bool        before_box;  /* length, fraction: tokens before the answer's box only */
        uint32_t    cap;         /* effort, of_attempts                                  */
        bool        until_hit;   /* effort: 1 once an attempt hit and the answer is right */
        bool        verified;    /* effort: attempts count only if what they state about themselves
                                    is true, and a false "Yes" earns 0                    */
        uint32_t limit;          /* fraction; 0: max_tokens                              */
        bool     compat;         /* the authors' formula to the letter, see below        */
    } explore;
    uint32_t repetition_ngram;     /* words; 0: off                                          */
    double   repetition_max_share; /* above it exploration earns nothing                     */
    double   clip;                 /* total within +-clip; 0: off                            */
} RewardConfig;

typedef struct RewardInput {
    const char *response;         /* text, without special tokens */
    size_t      length;           /* bytes                        */
    uint32_t    response_tokens;  /* with <eos>             */
    uint32_t    reasoning_tokens; /* tokens before the judged box, for before_box (find its byte with
                                     task->verify: box_offset)                            */
    uint32_t max_tokens;          /* the limit of generation */
    bool     truncated;           /* no <eos>: logged only; its answer counts if it has one */
} RewardInput;

/* Everything that went into a reward, for the log. */
typedef struct RewardParts {
    double      total;
    double      outcome;          /* before its weight: 1, wrong or no_answer             */
    double      correct;          /* correct * outcome where there is an answer, else 0   */
    double      format;           /* correct * outcome where there is none, else 0        */
    double      explore;          /* raw, before its weight                               */
    double      explore_weighted; /* explore.weight * explore                             */
    double      repetition;       /* share of repeated n-grams; 0 where the gate is off   */
    bool        repetition_gated; /* the gate took the exploration credit                 */
    bool        clipped;
    bool        truncated;
    TaskVerdict verdict;
    TraceStats  trace;
} RewardParts;

/* correct 1, wrong 0, no answer -0.5, no exploration (c 10, cap 6, weight 1), gate
 * off (n-gram 0, share .5), clip 10: the config's defaults. */
RewardConfig reward_config_default(void);

/* Errors name the key. EXPLORE_JUDGE is refused: it is not built yet. */
Status reward_config_check(const RewardConfig *config, Error *error);

/* Gate: where more than repetition_max_share of the word n-grams are copies, effort
 * and fraction earn 0, and a length form, whose credit is negative, counts only the
 * part of the length that is no copy (n * (1 - share)); of_attempts counts none.
 *
 * compat (PAPER.md section 2, the authors' reward server): the *first* \boxed{…}
 * with at most one level of braces inside; -0.5 without one, else 1 or 0; if c is
 * not 0, minus c / (characters before the box / 4), or of the whole response where
 * there is no box; division by zero gives 0 for the whole reward; weights, gate and
 * the other options play no part; clip does. Characters are code points, white
 * space around the response is cut off first. The answer is judged by the task. */
void reward_compute(const RewardConfig *config, const Task *task, const Problem *problem, const RewardInput *input,
                    RewardParts *parts);

#endif
