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
 * What others say (a judge's grade, the reward of somebody's server) comes later, and is added:
 *     reward_add(&config, &(RewardSaid){.judge = 0.7}, &parts);
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
    EXPLORE_JUDGE     /* a judge's grade, which comes by reward_add                                  */
} ExploreKind;

/* What a reward server's number is. */
typedef enum RemoteMode {
    REMOTE_NONE,
    REMOTE_OUTCOME, /* the outcome, instead of the verifier's; its weight is `correct`         */
    REMOTE_EXPLORE, /* a second exploration reward, with a weight of its own                   */
    REMOTE_TOTAL    /* all there is: the other parts are logged before weights, and earn nothing */
} RemoteMode;

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
    struct {
        RemoteMode mode;
        double     weight; /* explore */
    } remote;
    uint32_t repetition_ngram;     /* words; 0: off                                          */
    double   repetition_max_share; /* above it exploration earns nothing                     */
    double   clip;                 /* total within +-clip; 0: off                            */
} RewardConfig;

typedef struct RewardInput {
    const char *response;        /* text, without special tokens */
    size_t      length;          /* bytes                        */
    const char *end;             /* for compat: text of the token that ended the response; NULL where it is truncated */
    size_t      end_length;      /* bytes                        */
    uint32_t    response_tokens; /* with <eos>             */
    uint32_t    reasoning_tokens; /* tokens before the judged box, for before_box (find its byte with
                                     task_verify: box_offset)                            */
    uint32_t max_tokens;          /* the limit of generation */
    bool     truncated;           /* no <eos>: logged only; its answer counts if it has one */
} RewardInput;

/* Everything that went into a reward, for the log.
 *     total = clip(correct + format + length_weighted + explore_weighted + remote_weighted)  (but see `voided`) */
typedef struct RewardParts {
    double      total;
    double      outcome;          /* before its weight: 1, wrong or no_answer             */
    double      correct;          /* correct * outcome where there is an answer, else 0   */
    double      format;           /* correct * outcome where there is none, else 0        */
    double      explore;          /* raw, before its weight                               */
    double      explore_weighted; /* explore.weight * explore                             */
    double      length;           /* compat with a judge: the length term, else 0         */
    double      length_weighted;
    double      remote;           /* the reward server's number; 0 without one            */
    double      remote_weighted;  /* what it adds by itself (not as the outcome)          */
    double      repetition;       /* share of repeated n-grams; 0 where the gate is off   */
    bool        repetition_gated; /* the gate took the exploration credit                 */
    bool        clipped;
    bool        voided; /* compat: an exception there; the total is 0 whatever the parts */
    bool        truncated;
    TaskVerdict verdict;
    TraceStats  trace;
} RewardParts;

/* correct 1, wrong 0, no answer -0.5, no exploration (c 10, cap 6, weight 1), gate
 * off (n-gram 0, share .5), clip 10: the config's defaults. */
RewardConfig reward_config_default(void);

/* Errors name the key. */
Status reward_config_check(const RewardConfig *config, Error *error);

/* Everything but what others say: with a judge or a reward server the parts are whole only after reward_add.
 *
 * Gate: where more than repetition_max_share of the word n-grams are copies, effort
 * and fraction earn 0, and a length form, whose credit is negative, counts only the
 * part of the length that is no copy (n * (1 - share)); of_attempts counts none. A judge is
 * not asked (reward_wants_judge) and gives 0.
 *
 * compat (PAPER.md section 2, the authors' reward server): the *first* \boxed{…}
 * with at most one level of braces inside; -0.5 without one, else 1 or 0; if c is
 * not 0, minus c / (characters before the box / 4), or of the whole response where
 * there is no box, its end token's text ("<|eot_id|>") included, which their server sees; with a judge 0.8 times this
 * plus 0.2 times the grade; division by zero gives 0 for the whole reward; weights, gate and the other options play no
 * part; clip does. Characters are code points, white space around the response is cut off first. The answer is judged
 * by the task. */
void reward_compute(const RewardConfig *config, const Task *task, const Problem *problem, const RewardInput *input,
                    RewardParts *parts);

/* What others said of a response. */
typedef struct RewardSaid {
    double judge;  /* grade, for EXPLORE_JUDGE      */
    double remote; /* for remote.mode other than none */
} RewardSaid;

/* Whether the judge is to be asked about this response. */
bool reward_wants_judge(const RewardConfig *config, const RewardParts *parts);

/* Puts it into the parts that reward_compute made. Once for each. */
void reward_add(const RewardConfig *config, const RewardSaid *said, RewardParts *parts);

#endif
