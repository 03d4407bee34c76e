/* Session: everything that one `rlsp train` holds from start to end.
 *
 *     Session *session = session_open(&options, &error);
 *     if (session != NULL) {
 *         status = session_train(session, &error);          // the stages of the config
 *     }
 *     session_close(session);
 *
 * It opens the device, task, tokenizer, policy, run directory and event stream; saves
 * and restores checkpoints; evaluates. The stages themselves are sft.c and rl.c; what a user asks of a
 * running one is session_control.c.
 *
 * A checkpoint is a Hugging Face directory of the policy (config.json,
 * model.safetensors, tokenizer.json) with the trainer's state beside it:
 * optimizer.safetensors, and for RL critic/ and critic_optimizer.safetensors. The
 * reference policy of the RL stage is kept once, in RUN/reference. A run with an
 * adapter has PEFT's files there instead of whole models (session_adapter.h).
 */
#ifndef RLSP_TRAIN_SESSION_H
#define RLSP_TRAIN_SESSION_H

#include <signal.h>

#include "engine/model/model.h"
#include "engine/model/workspace.h"
#include "engine/text/tokenizer.h"
#include "rlsp/run/config.h"
#include "rlsp/run/control.h"
#include "rlsp/run/events.h"
#include "rlsp/run/run_dir.h"
#include "rlsp/task/instance.h"
#include "rlsp/train/evaluate.h"
#include "rlsp/train/learner.h"

typedef struct SessionOptions {
    const RunConfig             *config;         /* of a new run                                      */
    const char                  *out;            /* its directory                                     */
    const char                  *resume;         /* or: the run directory to go on with               */
    const char                  *device;         /* overrides the config's; NULL: not                 */
    bool                         profile;        /* time kernels                                      */
    bool                         validate;       /* Vulkan validation layer                           */
    const volatile sig_atomic_t *stop;           /* non-zero: finish the step, save and end; or NULL  */
    Control                     *control;        /* commands of a dashboard, read between steps; or NULL */
    void (*say)(void *user, const char *line);   /* a line of what opening the run is at, for the terminal; or NULL */
    void (*on_step)(void *user, Events *events); /* after every step and eval, for progress; or NULL */
    void *user;
} SessionOptions;

/* Where a checkpoint lies: where a resumed run goes on. */
typedef struct SessionPlace {
    RunStage stage;
    uint32_t phase, stage_step; /* SFT phase; steps done in this stage (sft: in this phase) */
} SessionPlace;

enum { SESSION_SAMPLES = 16 }; /* prompts that can wait for the end of a step */

/* What the user wants, as read from the commands and not yet done. */
typedef struct SessionWishes {
    bool     stop, pause, checkpoint;
    bool     alone; /* the other end of the commands has gone */
    char    *samples[SESSION_SAMPLES];
    uint32_t sample_count;
    uint64_t sample_step; /* the step that was sampled last, and how often */
    uint32_t sampled;
} SessionWishes;

/* How far SFT has come in a file of data: what a resumed run needs to find its next line at once. */
typedef struct SessionSftData {
    uint64_t lines, place; /* of the file; lines taken before (sft_file.h); 0: no file */
    uint32_t place_step;   /* the step that begins there */
} SessionSftData;

typedef struct Session {
    SessionOptions options;
    RunConfig      config;
    RunDir        *run;
    Events        *events;
    Gpu           *gpu;
    TaskInstance  *task;
    Tokenizer     *tokenizer;
    char           tokenizer_directory[RUN_PATH_SIZE]; /* what is copied into checkpoints */
    StopTokens     stops; /* of the model, and its chat template's; .ids[0] ends what is demonstrated */
    Model         *base;  /* with an adapter: what it and the critic's lie on; else NULL */
    Model         *policy;
    Learner       *learner; /* of the policy, while a stage trains it */
    Model         *critic;  /* RL only; NULL with a shared trunk      */
    Learner       *critic_learner;
    GpuStream     *stream;
    Evaluator     *evaluator;
    Decoder       *decoder; /* while an RL stage is open: of rollouts and evaluations, which take turns */
    DecodeLimits   decoder_limits;

    uint64_t   step;          /* of the run, over all stages            */
    double     best_accuracy; /* of held-out evaluations in this stage; negative: none yet */
    uint64_t   best_step;     /* of the run, where it was reached                          */
    Checkpoint resumed;       /* where to go on; step 0 and stage_count 0: from the start  */
    bool       resuming;
    char       checkpoint_path[RUN_PATH_SIZE]; /* of `resumed` */
    double     kl_coef;                        /* of the KL controller                   */

    SessionSftData sft_data; /* saved with every checkpoint             */

    char   doing[120];        /* what takes its time just now (session_control.h); empty: nothing that is told */
    double doing_since, told; /* session_clock() when it began, and when it was last told; 0: not yet        */

    SessionWishes wishes;
    bool          saved; /* there is a checkpoint of saved_step            */
    uint64_t      saved_step;
    EventsOffsets before_evaluation; /* of the files, when the last evaluation began   */
} Session;

Session *session_open(const SessionOptions *options, Error *error);
void     session_close(Session *session); /* NULL is allowed */

/* Runs the stages. STATUS_STOPPED after a stop request, with everything saved. */
Status session_train(Session *session, Error *error);

typedef enum SessionSave {
    SAVE_DUE,   /* as the config says */
    SAVE_ASKED, /* as the user says: a run that is resumed here forgets that it was, so that its events repeat an
                   unbroken run's */
    SAVE_BEFORE_EVALUATION /* likewise; the evaluation that was due at this step, and was stopped, comes first when the
                              run goes on */
} SessionSave;

/* Saves a checkpoint of the current step. */
Status session_checkpoint(Session *session, const SessionPlace *place, SessionSave why, Error *error);

/* Held-out evaluation of the policy, emitted as an "eval" event. `final`: the larger set of the
 * end of a stage. *accuracy may be NULL. STATUS_STOPPED if the user wants an end meanwhile: no event
 * is written, and the evaluation is to be done again. */
Status session_evaluate(Session *session, const char *stage, bool final, double *accuracy, Error *error);

/* Tokens per micro-batch: the config's, or what suits the device (activations take at most a quarter of its memory); at
 * least `longest`. 0 with *error set if what attention reads of so many tokens is more than the device binds at once.
 */
uint32_t session_micro_tokens(const Session *session, uint32_t configured, uint32_t longest, Error *error);

/* For session_*.c and plan.c: writes the task's own tokenizer into a directory; the model of model.init, with the
 * opened tokenizer's vocabulary. */
Status      session_build_tokenizer(const Session *session, const char *directory, Error *error);
ModelConfig session_init_config(const Session *session);

/* Makes session->evaluator if there is none yet. */
Status session_open_evaluator(Session *session, Error *error);
/* What it asks of its decoder. */
EvalGeneratorLimits session_eval_limits(const Session *session);

/* What `model.kv_cache` comes to; session->policy is there. */
ComputeType session_kv_cache(const Session *session);

/* For rollouts: makes session->decoder, with room for this run's evaluations too. Theirs, if it is wide enough for
 * them; else NULL. And its end, with the evaluator's. */
Decoder *session_open_decoder(Session *session, const DecodeLimits *rollouts, Error *error);
Decoder *session_shared_decoder(const Session *session, const DecodeLimits *wanted);
void     session_close_decoder(Session *session);

/* Emits a step's event and tells the progress reader. */
Status session_emit(Session *session, const char *type, const EventField *fields, int count, Error *error);

/* Device memory in use and its peak, as time_ fields of a step. */
enum { SESSION_MEMORY_FIELDS = 2 };
void session_memory_fields(const Session *session, EventField fields[SESSION_MEMORY_FIELDS]);

/* The stages. Each goes on from session->resumed if that lies in it. */
Status sft_train(Session *session, Error *error);
Status rl_train(Session *session, Error *error);

/* Takes the memory of a stage as training does, in the same order, and gives it back: for planning (plan.h), on a
 * device that is only planned for. Without a tokenizer or its data, sequences are as long as may be. */
Status sft_plan(Session *session, bool evaluates, Error *error);
Status rl_plan(Session *session, bool evaluates, Error *error);

/* Where the moments of what is trained lie, as the config says. */
GpuMemoryKind session_moments(const Session *session);

/* Seconds on the monotonic clock. */
double session_clock(void);

#endif
