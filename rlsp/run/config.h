/* RunConfig: everything that a run is told, read from JSON.
 *
 *     RunConfig config;
 *     const char *sets[] = {"rl.steps=10", "seed=2"};
 *     if (run_config_read("configs/countdown.json", sets, 2, &config, &error) != STATUS_OK) …
 *     char *json = run_config_print(&config); …free(json);
 *
 * One table of keys (config_keys.c) drives reading, printing and the help of
 * `rlsp config --keys`. A config is strict: an unknown key, a wrong type or an
 * impossible value is an error that names the key, the file and the nearest
 * valid key. Every block may hold a "comment" string, which is ignored.
 *
 *   extends   another config, its path relative to the file that names it. Objects
 *             are merged key by key; a value or an array replaces the inherited one.
 *   --set     a.b=v: v is JSON, or bare text; phases by index or all at once
 *             (sft.phases.0.steps=20, sft.phases.*.steps=20). Applied last.
 *   paths     (model.path, data, …) are looked for beside the file that names them,
 *             then in the working directory, and become absolute. In --set: the
 *             working directory.
 *
 * The struct is plain: no pointers, copied by assignment. Keys have the fields'
 * names; a key that DESIGN.md lists under another spelling says so here.
 */
#ifndef RLSP_RUN_CONFIG_H
#define RLSP_RUN_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/error.h"

enum {
    RUN_NAME_SIZE    = 64,
    RUN_CHAT_SET_MAX = 8,
    RUN_PATH_SIZE    = 1024,
    RUN_TEXT_SIZE    = 512,
    RUN_MODEL_SIZE   = 256,
    SFT_PHASES_MAX   = 16,
    LORA_TARGETS_MAX = 8
};

typedef enum RunStage { STAGE_SFT, STAGE_RL } RunStage;
typedef enum RunPrecision { PRECISION_AUTO, PRECISION_F32, PRECISION_BF16, PRECISION_F16 } RunPrecision;
typedef enum RunKernels {
    KERNELS_AUTO,
    KERNELS_TABLE,
    KERNELS_PROBE
} RunKernels;                                                               /* how they are chosen (train/kernels.h) */
extern const char *const run_kernels_names[];                               /* "auto", "table", "probe", NULL */
typedef enum RunRecompute { RECOMPUTE_NONE, RECOMPUTE_BLOCK } RunRecompute; /* activations of a block in backward */
typedef enum RunOptimizerMemory { OPTIMIZER_DEVICE, OPTIMIZER_HOST } RunOptimizerMemory; /* where AdamW's moments lie */
typedef enum RunCritic { CRITIC_SEPARATE, CRITIC_SHARED } RunCritic;
typedef enum RunTaskKind { TASK_KIND_COUNTDOWN, TASK_KIND_PICK_THREE, TASK_KIND_JSONL } RunTaskKind;
typedef enum RunPrompt { PROMPT_CHAT, PROMPT_RAW } RunPrompt; /* chat template of the tokenizer, or the text as it is */
typedef enum RunBoxes { BOXES_LAST, BOXES_FIRST, BOXES_ONLY } RunBoxes; /* only: several that differ are no answer */

typedef enum RunSftFormat {
    SFT_FORMAT_AUTO, /* by the keys of each line */
    SFT_FORMAT_TEXT,
    SFT_FORMAT_MESSAGES,
    SFT_FORMAT_PROMPT_COMPLETION,
    SFT_FORMAT_IDS
} RunSftFormat;
typedef enum RunLossOn { LOSS_ON_ANSWERS, LOSS_ON_LAST, LOSS_ON_ALL } RunLossOn;
typedef enum RunTooLong { TOO_LONG_LEAVE_OUT, TOO_LONG_CUT } RunTooLong;
typedef enum RunOnError { ON_ERROR_STOP, ON_ERROR_SKIP } RunOnError;
typedef enum RunCheck { CHECK_ALL, CHECK_SAMPLE } RunCheck;
typedef enum RunSchedule { SCHEDULE_CONSTANT, SCHEDULE_COSINE, SCHEDULE_LINEAR } RunSchedule;
typedef enum RunAdvantage { ADVANTAGE_GAE, ADVANTAGE_GRPO, ADVANTAGE_RLOO, ADVANTAGE_REINFORCE_PP } RunAdvantage;
typedef enum RunKlEstimator { KL_ESTIMATOR_K1, KL_ESTIMATOR_K2, KL_ESTIMATOR_K3 } RunKlEstimator;
typedef enum RunKlIn { KL_IN_REWARD, KL_IN_LOSS } RunKlIn;
typedef enum RunLossMean { LOSS_MEAN_SEQUENCE, LOSS_MEAN_TOKEN } RunLossMean;
typedef enum RunTruncated { TRUNCATED_SCORE, TRUNCATED_MASK, TRUNCATED_PENALTY } RunTruncated;
typedef enum RunOverlap { OVERLAP_AUTO, OVERLAP_ON, OVERLAP_OFF } RunOverlap;
typedef enum RunExplore {
    EXPLORE_KIND_NONE,
    EXPLORE_KIND_LENGTH,
    EXPLORE_KIND_EFFORT,
    EXPLORE_KIND_FRACTION,
    EXPLORE_KIND_JUDGE
} RunExplore;
typedef enum RunRemote { REMOTE_KIND_NONE, REMOTE_KIND_OUTCOME, REMOTE_KIND_EXPLORE, REMOTE_KIND_TOTAL } RunRemote;
typedef enum RunOnFailure { ON_FAILURE_FALLBACK, ON_FAILURE_STOP } RunOnFailure;
typedef enum RunAdapter { ADAPTER_NONE, ADAPTER_LORA } RunAdapter;

/* model.init: a model made from nothing. Used when model.path is empty. */
typedef struct RunModelInit {
    uint32_t hidden_size, layers, heads, kv_heads; /* kv_heads 0: heads                          */
    uint32_t head_dim;                             /* 0: hidden_size / heads                      */
    uint32_t intermediate_size, max_positions;
    bool     tie_embeddings;
    double   rope_theta, rms_norm_eps;
    double   embedding_std;  /* embeddings (and an untied head): N(0, this)                       */
    double   linear_scale;   /* matrices: N(0, (this / sqrt(fan_in))^2)                           */
    double   residual_scale; /* attention o and mlp down: times this; 0 reads as 1 / sqrt(2 layers) */
} RunModelInit;

typedef struct RunModel {
    char path[RUN_PATH_SIZE];          /* a Hugging Face directory; "": init                  */
    char tokenizer[RUN_PATH_SIZE];     /* "" : beside path; "task": the task's own; else a directory */
    char chat_template[RUN_PATH_SIZE]; /* "": the tokenizer's own; "chatml", "llama3", or a file with a template */
    RunModelInit init;
    RunCritic    critic;
    RunPrecision kv_cache; /* of keys and values while decoding */
    int          weights;  /* WeightFormat (engine/model/weights.h) of the matrices, auto: WEIGHTS_AS_STORED */
} RunModel;

typedef struct RunTask {
    RunTaskKind kind;
    char        data[RUN_PATH_SIZE];      /* jsonl: training problems                             */
    char        eval_data[RUN_PATH_SIZE]; /* jsonl: held-out problems; "": none                   */
    RunPrompt   prompt;                   /* jsonl */
    char        prompt_key[RUN_NAME_SIZE], answer_key[RUN_NAME_SIZE];                        /* jsonl */
    char        id_key[RUN_NAME_SIZE], subject_key[RUN_NAME_SIZE], level_key[RUN_NAME_SIZE]; /* jsonl */
    char        system[RUN_TEXT_SIZE];                     /* jsonl, chat              */
    char        chat_set[RUN_CHAT_SET_MAX][RUN_NAME_SIZE]; /* name=value, for the template */
    uint32_t    chat_set_count;
    char        prefix[RUN_TEXT_SIZE], suffix[RUN_TEXT_SIZE]; /* jsonl: around the problem */
    RunBoxes    boxes;                  /* jsonl: which of several boxes of a response holds the answer */
    bool        fbox;                   /* jsonl: \fbox is a box, too                            */
    bool        phrases;                /* jsonl: without a box, "the answer is …", "#### …", the last number */
    uint32_t    max_prompt_tokens;      /* longer prompts are left out, and counted             */
    uint32_t    numbers;                /* 0: the task's own                                  */
    uint32_t    max_number, max_target; /* 0: the task's own                                    */
    double      intuition;              /* pick-three: share of targets that the three largest make */
} RunTask;

/* One SFT phase. Where the config has no sft.phases, the sft block is the only
 * phase; otherwise a phase takes what it does not say from the sft block. */
typedef struct SftPhase {
    char       name[RUN_NAME_SIZE];
    char       data[RUN_PATH_SIZE]; /* a JSONL file, or "task": demonstrations made by the task  */
    uint32_t   steps;               /* optimizer steps                                           */
    double     epochs;              /* JSONL: instead of steps, passes over the data; 0: steps   */
    uint32_t   batch_size;          /* sequences (task: demonstrations) per step                 */
    uint32_t   batch_tokens;        /* JSONL: instead of batch_size, tokens per step; 0: batch_size */
    bool       shuffle;
    uint32_t   max_length; /* tokens. 0: the model's context, and a longer sequence is an error */
    RunTooLong too_long;   /* what becomes of sequences beyond max_length; counted either way    */

    /* data in JSONL: what a line holds */
    RunSftFormat format;
    RunPrompt    prompt; /* prompt and completion: the chat template, or the texts as they are */
    char prompt_key[RUN_NAME_SIZE], completion_key[RUN_NAME_SIZE], messages_key[RUN_NAME_SIZE], text_key[RUN_NAME_SIZE];
    char system[RUN_TEXT_SIZE];                        /* of conversations without one; "": none */
    char prefix[RUN_TEXT_SIZE], suffix[RUN_TEXT_SIZE]; /* around the prompt */
    RunLossOn  loss_on;
    RunOnError on_error;   /* a bad line: stop, or skip it and count it */
    RunCheck   check_data; /* which lines are looked at before the first step */

    double      lr;
    RunSchedule schedule;
    uint32_t    warmup_steps;
    double      final_lr_fraction; /* cosine, linear: where the schedule ends                   */
    double      betas[2], eps, weight_decay, max_grad_norm; /* max_grad_norm 0: off               */
    bool        reset_optimizer; /* fresh moments at the start of this phase                  */

    /* data "task": rows beside the demonstrations, per step */
    uint32_t listing_rows;    /* attempts without target or verdict                        */
    uint32_t distance_rows;   /* pick-three: attempts with their distance to the target    */
    uint32_t direct_rows;     /* pick-three: direct answers, uniformly drawn               */
    uint32_t row_attempts;    /* attempts per listing or distance row; 0: the task's own   */
    double   row_loss;        /* weight of the rows' own mean loss                         */
    double   row_copy_weight; /* listing rows: tokens other than those after "="           */

    /* data "task": the mix of demonstrations */
    double   search;         /* share that search; the others answer directly             */
    double   qd;             /* countdown: P(a direct answer is correct)                  */
    double   habit;          /* pick-three: P(a direct answer is the three largest)       */
    double   qt;             /* P(an attempt of a search is a solution)                   */
    double   giveup;         /* P(giving up after a miss)                                 */
    uint32_t kmax;           /* most attempts in a demonstration                          */
    double   check;          /* P("Check: …" after a hit)                                 */
    double   verdict_weight; /* loss weight of verdict tokens                             */
} SftPhase;

typedef struct RunSft {
    SftPhase phases[SFT_PHASES_MAX];
    uint32_t phase_count;            /* at least 1                                                */
    bool     phases_given;           /* false: phases[0] is the block itself                      */
    SftPhase base;                   /* the sft block itself: what phases inherit                 */
    uint32_t tokens_per_micro_batch; /* gradient accumulation: at most so many tokens at once; 0: by memory */
} RunSft;

typedef struct RunRl {
    uint32_t       steps, prompts_per_step, samples_per_prompt;
    uint32_t       minibatch_size; /* sequences per optimizer step                        */
    uint32_t       epochs;
    uint32_t       max_new_tokens;
    double         temperature, top_p, min_p;
    uint32_t       top_k; /* 0: off                                              */
    double         actor_lr, critic_lr;
    RunSchedule    schedule;
    double         final_lr_fraction;
    uint32_t       critic_warmup_steps;    /* first steps that train the critic alone (the actor is frozen) */
    uint32_t       actor_warmup_steps;     /* linear warm-up of actor_lr, after the frozen steps  */
    uint32_t       critic_lr_warmup_steps; /* linear warm-up of critic_lr                         */
    double         betas[2], eps, weight_decay, max_grad_norm;
    RunAdvantage   advantage;
    double         gamma, lambda;
    double         lambda_critic; /* for the critic's targets; not given: lambda         */
    bool           whiten;        /* advantages, over the batch's response tokens        */
    bool           group_std;     /* grpo: divide by the group's standard deviation      */
    double         clip;
    double         clip_high;  /* upper side; not given: clip                         */
    double         value_clip; /* 0: off                                              */
    double         value_coef; /* critic "shared": weight of the value loss           */
    double         kl_coef;
    RunKlEstimator kl_estimator;
    RunKlIn        kl_in;
    double         kl_target;  /* KL per sequence, in nats; 0: fixed coefficient       */
    uint32_t       kl_horizon; /* adaptive: sequences over which the coefficient moves */
    RunLossMean    loss_mean;
    double         entropy_coef;
    RunTruncated   truncated;               /* response without end: score it, mask it, or penalty */
    double         truncated_penalty;       /* "penalty": the reward it gets                       */
    uint32_t       tokens_per_micro_batch;  /* gradient accumulation; 0: by memory                 */
    uint32_t       decode_slots;            /* sequences decoded at once; 0: by device             */
    uint32_t       decode_steps_per_submit; /* tokens between two looks of the host; 0: by device */
    RunOverlap     overlap;                 /* of scoring with sampling                            */
    uint32_t       traces_per_step;         /* written to traces.jsonl                             */
} RunRl;

/* How a server is asked (rlsp/remote/http.h). */
typedef struct RunServer {
    char         endpoint[RUN_TEXT_SIZE], key_env[RUN_NAME_SIZE]; /* key_env "": no key               */
    double       timeout;                                         /* seconds                         */
    uint32_t     retries;
    double       backoff;     /* seconds before the first retry; doubles                              */
    uint32_t     concurrency; /* requests at once                                                    */
    uint32_t     breaker;     /* failures in a row after which it pauses; 0: never                    */
    double       breaker_pause;
    RunOnFailure on_failure;
    double       fallback; /* what counts where no answer comes                                     */
} RunServer;

typedef struct RunExploreReward {
    RunExplore kind;
    double     weight;
    uint32_t   cap;                   /* effort: distinct valid attempts that earn full credit               */
    double     c;                     /* length: -c / response length                                        */
    uint32_t   limit;                 /* fraction: min(n, limit) / limit; 0: rl.max_new_tokens               */
    bool       of_attempts;           /* length: by distinct valid attempts instead of tokens */
    bool       before_box;            /* length, fraction: count the tokens before the answer's box only */
    bool       until_hit;             /* effort: full credit once an attempt hits and is answered            */
    bool       verified;              /* effort: an attempt counts only if its own verdict is right          */
    bool       compat;                /* the authors' formula to the letter (PAPER.md section 2)             */
    RunServer  judge;                 /* its keys stand beside the ones above                                */
    char       model[RUN_MODEL_SIZE]; /* judge                                                     */
    double     temperature;           /* judge; negative: the server's                                       */
    uint32_t   max_tokens;            /* judge: of its answer; 0: the server's                               */
    uint32_t   max_bytes;             /* judge: longer responses are cut in the middle; 0: never             */
    bool       json;                  /* judge: asks for a JSON object                                       */
    bool       cache;                 /* judge: the same response is graded once in a step                   */
} RunExploreReward;

typedef struct RunRemoteReward {
    RunRemote mode;
    double    weight; /* explore                                */
    RunServer server;
    uint32_t  batch_size; /* responses in a request; 0: all of a step */
} RunRemoteReward;

typedef struct RunReward {
    double           correct;   /* weight of correctness                                          */
    double           wrong;     /* score of a wrong answer (a correct one: 1)                     */
    double           no_answer; /* score without a final answer                                   */
    RunExploreReward explore;
    RunRemoteReward  remote;
    uint32_t         repetition_ngram;     /* repetition.ngram; 0: off                            */
    double           repetition_max_share; /* repetition.max_share: above it explore earns 0      */
    double           clip;                 /* total reward within [-clip, clip]; 0: off                      */
} RunReward;

typedef struct RunEval {
    uint32_t every; /* steps; 0: only at the start and the end of a stage                */
    uint32_t problems, samples;
    double   temperature, top_p;
    uint32_t top_k;
    uint32_t max_new_tokens;                /* 0: rl.max_new_tokens                                              */
    bool     greedy;                        /* also once greedily                                                */
    uint64_t seed;                          /* draws the held-out problems, whatever the run's seed              */
    uint32_t final_problems, final_samples; /* at the end of a stage; 0: as above                 */
    uint32_t traces;                        /* written per eval                                                  */
} RunEval;

typedef struct RunConfig {
    char         name[RUN_NAME_SIZE]; /* not given: the config file's name                        */
    uint64_t     seed;
    char         device[256]; /* "": best; digits: index; else part of a name             */
    RunPrecision precision;
    RunKernels   kernels;
    RunRecompute recompute;
    struct {
        RunOptimizerMemory memory;
    } optimizer;
    RunStage  stages[2];
    uint32_t  stage_count;
    RunModel  model;
    RunTask   task;
    RunSft    sft;
    RunRl     rl;
    RunReward reward;
    RunEval   eval;
    struct {
        uint32_t every; /* steps; 0: only at the end of a stage                                   */
        uint32_t keep;  /* newest ones kept, beside best; 0: all                                  */
    } checkpoint;
    struct {
        RunAdapter kind;
        uint32_t   rank;
        double     alpha;
        bool       rslora;                                   /* scale alpha / sqrt(rank)          */
        double     dropout;                                  /* of what enters an adapter, in SFT */
        char       path[RUN_PATH_SIZE];                      /* a PEFT directory to go on with; "": a new adapter */
        char       targets[LORA_TARGETS_MAX][RUN_NAME_SIZE]; /* q_proj, …                         */
        uint32_t   target_count;
    } adapter;
} RunConfig;

/* Reads `path` with what it extends, applies `overrides` ("a.b=v"), checks the
 * whole. STATUS_BAD_INPUT with a text that names key and file; *config is then
 * unspecified. `path` NULL: the defaults and the overrides alone. */
Status run_config_read(const char *path, const char *const *overrides, int override_count, RunConfig *config,
                       Error *error);

/* The same for text in memory, which cannot extend a file; `origin` names it in errors. */
Status run_config_parse(const char *text, const char *origin, const char *const *overrides, int override_count,
                        RunConfig *config, Error *error);

/* The resolved config as JSON that run_config_read reads back to the same
 * struct. Allocated; NULL when out of memory. */
char *run_config_print(const RunConfig *config);

/* Every key: name, type and range, default, one line of help. */
void run_config_print_keys(FILE *out);

/* "constant" and so on, for messages and events. */
const char *run_stage_name(RunStage stage);

/* Learning-rate factor in [0, 1] of step 0..steps-1: linear warm-up, then the
 * schedule down to `final_fraction`. */
double run_schedule_factor(RunSchedule schedule, uint32_t step, uint32_t steps, uint32_t warmup_steps,
                           double final_fraction);

#endif
