#include "rlsp/run/config_keys.h"

#include <string.h>

#include "engine/model/weights.h"

static const char *const the_task[]           = {"task", NULL};
static const char *const templates[]          = {"chatml", "llama3", NULL};
static const char *const precisions[]         = {"auto", "f32", "bf16", "f16", NULL};
const char *const        run_kernels_names[]  = {"auto", "table", "probe", NULL};
static const char *const optimizer_memories[] = {"device", "host", NULL};
static const char *const recomputes[]         = {"none", "block", NULL};
static const char *const stages[]             = {"sft", "rl", NULL};
static const char *const critics[]            = {"separate", "shared", NULL};
static const char *const tasks[]              = {"countdown", "pick-three", "jsonl", NULL};
static const char *const prompts[]            = {"chat", "raw", NULL};
static const char *const boxes[]              = {"last", "first", "only", NULL};
static const char *const formats[]            = {"auto", "text", "messages", "prompt-completion", "ids", NULL};
static const char *const losses[]             = {"answers", "last", "all", NULL};
static const char *const too_longs[]          = {"leave-out", "cut", NULL};
static const char *const on_errors[]          = {"stop", "skip", NULL};
static const char *const checks[]             = {"all", "sample", NULL};
static const char *const schedules[]          = {"constant", "cosine", "linear", NULL};
static const char *const advantages[]         = {"gae", "grpo", "rloo", "reinforce++", NULL};
static const char *const estimators[]         = {"k1", "k2", "k3", NULL};
static const char *const kl_places[]          = {"reward", "loss", NULL};
static const char *const means[]              = {"sequence", "token", NULL};
static const char *const truncateds[]         = {"score", "mask", "penalty", NULL};
static const char *const overlaps[]           = {"auto", "on", "off", NULL};
static const char *const explores[]           = {"none", "length", "effort", "fraction", "judge", NULL};
static const char *const remotes[]            = {"none", "outcome", "explore", "total", NULL};
static const char *const failures[]           = {"fallback", "stop", NULL};
static const char *const adapters[]           = {"none", "lora", NULL};

#define AT(member)                   offsetof(RunConfig, member)
#define SIZE(member)                 sizeof(((RunConfig *)0)->member)
#define COUNT(member)                (SIZE(member) / SIZE(member[0]))
#define KEY(type, member, low, high) type, AT(member), SIZE(member), 0, low, high, NULL

#define FLAG(member)            KEY(KEY_BOOL, member, 0, 1)
#define COUNTED(member, low)    KEY(KEY_U32, member, low, CONFIG_MANY)
#define REAL(member, low, high) KEY(KEY_F64, member, low, high)
#define PAIR(member, low, high) KEY(KEY_PAIR, member, low, high)
#define TEXT(member)            KEY(KEY_TEXT, member, 0, 0)
#define PATH(member)            KEY(KEY_PATH, member, 0, 0)
#define PATH_OR(member, list)   KEY_PATH, AT(member), SIZE(member), 0, 0, 0, list
#define WORD(member, list)      KEY_WORD, AT(member), SIZE(member), 0, 0, 0, list

/* clang-format off */
const ConfigKey config_keys[] = {
    {"name", TEXT(name), NULL, "name of the run and of its directory under runs/ (not given: the config file's name)"},
    {"seed", KEY(KEY_U64, seed, 0, 9007199254740991.0), "1", "of everything random"},
    {"device", KEY(KEY_TEXT_OR_INDEX, device, 0, 0), "\"\"", "empty: the best; a number: that index of `rlsp devices`; else part of a name"},
    {"precision", WORD(precision, precisions), "\"auto\"", "what the model's matrix products (on matrix units attention's too) multiply: bf16 or f16 (with a loss scale) are mixed precision, whose parameters, sums, norms, softmax, losses and optimizer stay f32; auto is bf16 on a GPU that multiplies bf16 matrices, else f32"},
    {"kernels", WORD(kernels, run_kernels_names), "\"auto\"", "which kernels multiply matrices: table: those known to suit such devices; probe: those that are fastest on this one, measured once and kept; auto: probe on GPUs, table on CPU devices"},
    {"optimizer.memory", WORD(optimizer.memory, optimizer_memories), "\"device\"", "host: AdamW's moments lie in the host's memory; slower steps, the same results"},
    {"recompute", WORD(recompute, recomputes), "\"none\"", "block: keep only block inputs and compute the rest again in backward"},
    {"stages", KEY_WORD_LIST, AT(stages), COUNT(stages), AT(stage_count), 0, 0, stages, "[\"sft\", \"rl\"]", "what `rlsp train` does, in order"},

    {"model.path", PATH(model.path), "\"\"", "a Hugging Face model directory; empty: model.init"},
    {"model.tokenizer", PATH_OR(model.tokenizer, the_task), NULL, "a directory with tokenizer.json, or \"task\": the task's own (not given: beside model.path, or the task's)"},
    {"model.chat_template", PATH_OR(model.chat_template, templates), "\"\"", "how conversations are written out: empty: the tokenizer's own; chatml, llama3, or a file with a Jinja template"},
    {"model.critic", WORD(model.critic, critics), "\"separate\"", "separate: a second copy of the model; shared: a value head on the actor"},
    {"model.weights", WORD(model.weights, weights_names), "\"auto\"", "of the model's matrices on the device; with an adapter auto is as the files are, and int8 and int4 are rounded when loaded; what is trained in full is f32"},
    {"model.kv_cache", WORD(model.kv_cache, precisions), "\"auto\"", "of keys and values while responses are decoded: bf16 and f16 are half the memory, and round what is sampled from, not what is learnt from; auto is as precision on GPUs, and f32 on CPU devices"},
    {"model.init.hidden_size", COUNTED(model.init.hidden_size, 8), "96", "width of the residual stream"},
    {"model.init.layers", KEY(KEY_U32, model.init.layers, 1, 1000), "4", "blocks"},
    {"model.init.heads", KEY(KEY_U32, model.init.heads, 1, 1000), "4", "query heads"},
    {"model.init.kv_heads", KEY(KEY_U32, model.init.kv_heads, 0, 1000), NULL, "key and value heads (not given or 0: heads)"},
    {"model.init.head_dim", KEY(KEY_U32, model.init.head_dim, 0, 1024), NULL, "width of a head (not given or 0: hidden_size / heads)"},
    {"model.init.intermediate_size", COUNTED(model.init.intermediate_size, 1), "256", "width inside the MLP"},
    {"model.init.max_positions", COUNTED(model.init.max_positions, 8), "256", "longest sequence, tokens"},
    {"model.init.tie_embeddings", FLAG(model.init.tie_embeddings), "true", "the head is the embedding matrix"},
    {"model.init.rope_theta", REAL(model.init.rope_theta, 1, 1e12), "10000", "base of the rotary embedding"},
    {"model.init.rms_norm_eps", REAL(model.init.rms_norm_eps, 0, 1), "1e-5", "epsilon of RMSNorm"},
    {"model.init.embedding_std", REAL(model.init.embedding_std, 0, 10), "0.05", "embeddings are drawn from N(0, this^2)"},
    {"model.init.linear_scale", REAL(model.init.linear_scale, 0, 100), "1", "matrices: standard deviation this / sqrt(fan_in)"},
    {"model.init.residual_scale", REAL(model.init.residual_scale, 0, 100), NULL, "attention o and MLP down: times this (not given or 0: 1 / sqrt(2 layers))"},

    {"task.kind", WORD(task.kind, tasks), "\"countdown\"", "the problems"},
    {"task.data", PATH(task.data), "\"\"", "jsonl: the problems to train on"},
    {"task.eval_data", PATH(task.eval_data), "\"\"", "jsonl: held-out problems"},
    {"task.prompt", WORD(task.prompt, prompts), "\"chat\"", "jsonl: the tokenizer's chat template, or the text as it is"},
    {"task.prompt_key", TEXT(task.prompt_key), "\"problem\"", "jsonl: key of the problem's text"},
    {"task.answer_key", TEXT(task.answer_key), "\"answer\"", "jsonl: key of the true answer"},
    {"task.id_key", TEXT(task.id_key), "\"id\"", "jsonl: key of the problem's id, shown in traces; lines need not have it"},
    {"task.subject_key", TEXT(task.subject_key), "\"subject\"", "jsonl: key of the problem's subject; lines need not have it"},
    {"task.level_key", TEXT(task.level_key), "\"level\"", "jsonl: key of the problem's level; lines need not have it"},
    {"task.boxes", WORD(task.boxes, boxes), "\"last\"", "jsonl: which \\boxed{…} of a response counts; only: several that hold different texts are no answer"},
    {"task.fbox", FLAG(task.fbox), "false", "jsonl: \\fbox{…} is a box, too"},
    {"task.phrases", FLAG(task.phrases), "false", "jsonl: where there is no box, \"the answer is …\", \"#### …\" or the last number; for models that were not told of boxes"},
    {"task.system", TEXT(task.system), "\"\"", "jsonl, chat: system message; empty: none"},
    {"task.chat_set", KEY_TEXT_LIST, AT(task.chat_set), COUNT(task.chat_set), AT(task.chat_set_count), 0, 0, NULL, "[]",
     "variables of the chat template, in problems and in conversations of SFT: [\"enable_thinking=false\"]; a line's chat_template_kwargs win"},
    {"task.prefix", TEXT(task.prefix), "\"\"", "jsonl: text before the problem"},
    {"task.suffix", TEXT(task.suffix), "\"\"", "jsonl: text after the problem"},
    {"task.max_prompt_tokens", COUNTED(task.max_prompt_tokens, 1), "2048", "jsonl: longer prompts are left out, and counted"},
    {"task.numbers", KEY(KEY_U32, task.numbers, 0, 8), "0", "how many numbers (0: the task's own: countdown 3, pick-three 6)"},
    {"task.max_number", KEY(KEY_U32, task.max_number, 0, 99), "0", "largest number (0: the task's own: 20, 12)"},
    {"task.max_target", KEY(KEY_U32, task.max_target, 0, 999), "0", "largest target (0: the task's own: 99)"},
    {"task.intuition", REAL(task.intuition, 0, 1), "0.3", "pick-three: share of targets that are the sum of the three largest"},

    {"sft.tokens_per_micro_batch", COUNTED(sft.tokens_per_micro_batch, 0), "0", "gradient accumulation: most tokens at once (0: what fits)"},
    {"sft.name", TEXT(sft.base.name), "\"sft\"", "of the phase, in events"},
    {"sft.data", PATH_OR(sft.base.data, the_task), "\"task\"", "a JSONL file (see sft.format), or \"task\": made by the task"},
    {"sft.format", WORD(sft.base.format, formats), "\"auto\"", "JSONL: what a line holds: text; messages; prompt-completion; ids (with labels, -100: no loss); auto: by its keys"},
    {"sft.prompt", WORD(sft.base.prompt, prompts), "\"raw\"", "JSONL: prompt and completion through the chat template, or the texts as they are and an end token"},
    {"sft.prompt_key", TEXT(sft.base.prompt_key), "\"prompt\"", "JSONL: key of the prompt (a path: \"data.prompt\")"},
    {"sft.completion_key", TEXT(sft.base.completion_key), "\"completion\"", "JSONL: key of the completion"},
    {"sft.messages_key", TEXT(sft.base.messages_key), "\"messages\"", "JSONL: key of a conversation, [{\"role\", \"content\"}, ...]"},
    {"sft.text_key", TEXT(sft.base.text_key), "\"text\"", "JSONL: key of a plain text"},
    {"sft.system", TEXT(sft.base.system), "\"\"", "JSONL, chat: system message of conversations that have none; empty: none"},
    {"sft.prefix", TEXT(sft.base.prefix), "\"\"", "JSONL: text before the prompt"},
    {"sft.suffix", TEXT(sft.base.suffix), "\"\"", "JSONL: text after the prompt"},
    {"sft.loss_on", WORD(sft.base.loss_on, losses), "\"answers\"", "JSONL: completions and all turns of the assistant; its last turn; all tokens"},
    {"sft.on_error", WORD(sft.base.on_error, on_errors), "\"stop\"", "JSONL: a bad line ends the run before it begins, or is skipped and counted"},
    {"sft.check_data", WORD(sft.base.check_data, checks), "\"all\"", "JSONL: lines that are read and tokenized before the first step: all, or a thousand (needs max_length)"},
    {"sft.steps", COUNTED(sft.base.steps, 1), "100", "optimizer steps"},
    {"sft.epochs", REAL(sft.base.epochs, 0, 1e6), "0", "JSONL: passes over the data, instead of steps (0: steps)"},
    {"sft.batch_size", COUNTED(sft.base.batch_size, 0), "32", "sequences per step (task: demonstrations)"},
    {"sft.batch_tokens", COUNTED(sft.base.batch_tokens, 0), "0", "JSONL: instead of batch_size, as many sequences as make up this many tokens: steps of like cost (0: batch_size)"},
    {"sft.shuffle", FLAG(sft.base.shuffle), "true", "a new order of the data in every pass"},
    {"sft.max_length", COUNTED(sft.base.max_length, 0), "0", "tokens of the longest sequence (0: what the model takes; a longer one is an error)"},
    {"sft.too_long", WORD(sft.base.too_long, too_longs), "\"leave-out\"", "JSONL: sequences beyond max_length are left out, or cut at their end; counted either way"},
    {"sft.lr", REAL(sft.base.lr, 0, 10), "1e-5", "learning rate"},
    {"sft.schedule", WORD(sft.base.schedule, schedules), "\"cosine\"", "of the learning rate, after the warm-up"},
    {"sft.warmup_steps", COUNTED(sft.base.warmup_steps, 0), "0", "linear warm-up"},
    {"sft.final_lr_fraction", REAL(sft.base.final_lr_fraction, 0, 1), "0.05", "where cosine and linear end"},
    {"sft.betas", PAIR(sft.base.betas, 0, 0.999999), "[0.9, 0.98]", "of AdamW"},
    {"sft.eps", REAL(sft.base.eps, 1e-30, 1), "1e-8", "of AdamW (0 would make 0 / 0 of parameters that had no gradient yet)"},
    {"sft.weight_decay", REAL(sft.base.weight_decay, 0, 10), "0", "on matrices only"},
    {"sft.max_grad_norm", REAL(sft.base.max_grad_norm, 0, 1e9), "1", "gradients are clipped to this norm (0: off)"},
    {"sft.reset_optimizer", FLAG(sft.base.reset_optimizer), "true", "a phase starts with fresh moments"},
    {"sft.listing_rows", COUNTED(sft.base.listing_rows, 0), "0", "task: rows per step of bare attempts, without target or verdict"},
    {"sft.distance_rows", COUNTED(sft.base.distance_rows, 0), "0", "pick-three: rows per step of attempts with their distance to the target"},
    {"sft.direct_rows", COUNTED(sft.base.direct_rows, 0), "0", "pick-three: rows per step of uniformly drawn direct answers"},
    {"sft.row_attempts", KEY(KEY_U32, sft.base.row_attempts, 0, 20), "0", "task: attempts per row (0: countdown 3, pick-three 7)"},
    {"sft.row_loss", REAL(sft.base.row_loss, 0, 1000), "1", "task: weight of the rows' own mean loss"},
    {"sft.row_copy_weight", REAL(sft.base.row_copy_weight, 0, 1000), "1", "task, listing rows: loss weight of tokens that no computation stands behind (those not right after \"=\")"},
    {"sft.search", REAL(sft.base.search, 0, 1), "0.5", "task: share of demonstrations that search; the others answer directly"},
    {"sft.qd", REAL(sft.base.qd, 0, 1), "0.5", "countdown: probability that a direct demonstration is correct"},
    {"sft.habit", REAL(sft.base.habit, 0, 1), "0.9", "pick-three: probability that a direct demonstration takes the three largest"},
    {"sft.qt", REAL(sft.base.qt, 0, 1), "0.25", "task: probability that an attempt is a solution"},
    {"sft.giveup", REAL(sft.base.giveup, 0, 1), "0.2", "task: probability of giving up after a miss"},
    {"sft.kmax", KEY(KEY_U32, sft.base.kmax, 1, 20), "8", "task: most attempts in a demonstration"},
    {"sft.check", REAL(sft.base.check, 0, 1), "0.3", "task: probability of a Check after a hit"},
    {"sft.verdict_weight", REAL(sft.base.verdict_weight, 0, 1000), "1", "task: loss weight of verdict tokens"},
    {"sft.phases", KEY_PHASES, AT(sft.phases), SFT_PHASES_MAX, AT(sft.phase_count), 0, 0, NULL, "[]", "phases one after another: objects with the keys above; what one does not say it takes from the sft block"},

    {"rl.steps", COUNTED(rl.steps, 1), "60", "rollout batches"},
    {"rl.prompts_per_step", COUNTED(rl.prompts_per_step, 1), "256", "problems per step"},
    {"rl.samples_per_prompt", COUNTED(rl.samples_per_prompt, 1), "1", "responses per problem"},
    {"rl.minibatch_size", COUNTED(rl.minibatch_size, 1), NULL, "sequences per optimizer step (not given: a quarter of the batch)"},
    {"rl.epochs", KEY(KEY_U32, rl.epochs, 1, 1000), "1", "passes over a rollout batch"},
    {"rl.max_new_tokens", COUNTED(rl.max_new_tokens, 1), "176", "longest response"},
    {"rl.temperature", REAL(rl.temperature, 0.01, 100), "1", "of rollouts"},
    {"rl.top_p", REAL(rl.top_p, 1e-6, 1), "1", "nucleus sampling (1: off); as with top_k and min_p, what is learnt from is the whole distribution"},
    {"rl.top_k", COUNTED(rl.top_k, 0), "0", "most likely tokens to sample from (0: off)"},
    {"rl.min_p", REAL(rl.min_p, 0, 1), "0", "least probability, relative to the likeliest token (0: off)"},
    {"rl.actor_lr", REAL(rl.actor_lr, 0, 10), "1e-6", "learning rate of the policy"},
    {"rl.critic_lr", REAL(rl.critic_lr, 0, 10), NULL, "learning rate of the critic (not given: ten times actor_lr)"},
    {"rl.schedule", WORD(rl.schedule, schedules), "\"constant\"", "of both learning rates"},
    {"rl.final_lr_fraction", REAL(rl.final_lr_fraction, 0, 1), "0.1", "where cosine and linear end"},
    {"rl.critic_warmup_steps", COUNTED(rl.critic_warmup_steps, 0), "5", "first steps, in which only the critic learns (gae; the actor is frozen)"},
    {"rl.actor_warmup_steps", COUNTED(rl.actor_warmup_steps, 0), "0", "linear warm-up of actor_lr, after the frozen steps"},
    {"rl.critic_lr_warmup_steps", COUNTED(rl.critic_lr_warmup_steps, 0), "0", "linear warm-up of critic_lr"},
    {"rl.betas", PAIR(rl.betas, 0, 0.999999), "[0.9, 0.95]", "of AdamW"},
    {"rl.eps", REAL(rl.eps, 1e-30, 1), "1e-8", "of AdamW"},
    {"rl.weight_decay", REAL(rl.weight_decay, 0, 10), "0", "on matrices only"},
    {"rl.max_grad_norm", REAL(rl.max_grad_norm, 0, 1e9), "1", "gradients are clipped to this norm (0: off)"},
    {"rl.advantage", WORD(rl.advantage, advantages), "\"gae\"", "gae: PPO with a critic; the others need none"},
    {"rl.gamma", REAL(rl.gamma, 0, 1), "1", "discount"},
    {"rl.lambda", REAL(rl.lambda, 0, 1), "0.95", "of GAE"},
    {"rl.lambda_critic", REAL(rl.lambda_critic, 0, 1), NULL, "of the critic's targets (not given: lambda)"},
    {"rl.whiten", FLAG(rl.whiten), "true", "gae, reinforce++: advantages to mean 0, standard deviation 1 over the batch's response tokens"},
    {"rl.group_std", FLAG(rl.group_std), "true", "grpo: divide by the group's standard deviation"},
    {"rl.clip", REAL(rl.clip, 0, 100), "0.2", "of the probability ratio: down to 1 - clip"},
    {"rl.clip_high", REAL(rl.clip_high, 0, 100), NULL, "of the probability ratio: up to 1 + clip_high (not given: clip)"},
    {"rl.value_clip", REAL(rl.value_clip, 0, 1e9), "0.2", "of the value's move (0: off)"},
    {"rl.value_coef", REAL(rl.value_coef, 0, 1e6), "1", "critic shared: weight of the value loss"},
    {"rl.kl_coef", REAL(rl.kl_coef, 0, 1e6), "0.01", "of the KL to the reference policy (with kl_target: where it starts)"},
    {"rl.kl_estimator", WORD(rl.kl_estimator, estimators), "\"k1\"", "of the KL per token"},
    {"rl.kl_in", WORD(rl.kl_in, kl_places), "\"reward\"", "where the KL acts"},
    {"rl.kl_target", REAL(rl.kl_target, 0, 1e6), "0", "adaptive coefficient: nats per sequence to aim at (0: fixed)"},
    {"rl.kl_horizon", COUNTED(rl.kl_horizon, 1), "10000", "adaptive coefficient: sequences over which it moves"},
    {"rl.loss_mean", WORD(rl.loss_mean, means), "\"sequence\"", "sequence: mean over sequences of their token means; token: over all tokens"},
    {"rl.entropy_coef", REAL(rl.entropy_coef, 0, 1e6), "0", "bonus for entropy"},
    {"rl.truncated", WORD(rl.truncated, truncateds), "\"score\"", "a response without end: scored like any, masked out, or a fixed penalty"},
    {"rl.truncated_penalty", REAL(rl.truncated_penalty, -1e6, 1e6), "-0.5", "reward under truncated: penalty"},
    {"rl.tokens_per_micro_batch", COUNTED(rl.tokens_per_micro_batch, 0), "0", "gradient accumulation: most tokens at once (0: what fits)"},
    {"rl.decode_slots", COUNTED(rl.decode_slots, 0), "0", "sequences decoded at once (0: by device)"},
    {"rl.decode_steps_per_submit", KEY(KEY_U32, rl.decode_steps_per_submit, 0, 4096), "0", "tokens between two looks of the host (0: by device)"},
    {"rl.overlap", WORD(rl.overlap, overlaps), "\"auto\"", "finished responses are scored while others are sampled, on a queue of their own where the device has a second: faster or not, the same results; auto: on GPUs that have one (rlsp devices)"},
    {"rl.traces_per_step", COUNTED(rl.traces_per_step, 0), "8", "responses per step that go to traces.jsonl"},

    {"reward.correct", REAL(reward.correct, 0, 1e6), "1", "weight of the outcome verifier's score (1 for a correct answer)"},
    {"reward.wrong", REAL(reward.wrong, -1e6, 1e6), "0", "score of a wrong answer"},
    {"reward.no_answer", REAL(reward.no_answer, -1e6, 1e6), "-0.5", "score without a final answer"},
    {"reward.explore.kind", WORD(reward.explore.kind, explores), "\"none\"", "the exploration reward"},
    {"reward.explore.weight", REAL(reward.explore.weight, 0, 1e6), "1", "its weight"},
    {"reward.explore.cap", COUNTED(reward.explore.cap, 1), "6", "effort: distinct valid attempts that earn full credit"},
    {"reward.explore.c", REAL(reward.explore.c, 0, 1e6), "10", "length: -c / response length (judge with compat: this too; 0: not)"},
    {"reward.explore.limit", COUNTED(reward.explore.limit, 0), "0", "fraction: min(length, limit) / limit (0: rl.max_new_tokens)"},
    {"reward.explore.of_attempts", FLAG(reward.explore.of_attempts), "false", "length: by distinct valid attempts (12 + 20 min(distinct, cap)) instead of tokens"},
    {"reward.explore.before_box", FLAG(reward.explore.before_box), "false", "length, fraction: count the tokens before the answer's box only"},
    {"reward.explore.until_hit", FLAG(reward.explore.until_hit), "false", "effort: full credit once an attempt hits and is answered"},
    {"reward.explore.verified", FLAG(reward.explore.verified), "false", "effort: an attempt counts only if its own stated verdict is right"},
    {"reward.explore.compat", FLAG(reward.explore.compat), "false", "the authors' formula to the letter (with a judge: 0.8 of it and 0.2 of the grade)"},
    {"reward.explore.endpoint", TEXT(reward.explore.judge.endpoint), "\"\"", "judge: URL of an OpenAI-compatible API, such as http://127.0.0.1:8080/v1"},
    {"reward.explore.key_env", TEXT(reward.explore.judge.key_env), "\"\"", "judge: environment variable that holds the key; empty: no key is sent"},
    {"reward.explore.timeout", REAL(reward.explore.judge.timeout, 0.001, 86400), "30", "judge: seconds that a try may take"},
    {"reward.explore.retries", KEY(KEY_U32, reward.explore.judge.retries, 0, 100), "3", "judge: further tries"},
    {"reward.explore.backoff", REAL(reward.explore.judge.backoff, 0, 3600), "1", "judge: seconds before the first of them; doubles, up to 30"},
    {"reward.explore.concurrency", KEY(KEY_U32, reward.explore.judge.concurrency, 1, 256), "8", "judge: requests at once (a local server may have fewer slots; what waits there runs into the time-out)"},
    {"reward.explore.breaker", COUNTED(reward.explore.judge.breaker, 0), "10", "judge: failures in a row after which the server is left alone for a while (0: never)"},
    {"reward.explore.breaker_pause", REAL(reward.explore.judge.breaker_pause, 0, 86400), "15", "judge: seconds of that; then one request is a probe"},
    {"reward.explore.on_failure", WORD(reward.explore.judge.on_failure, failures), "\"fallback\"", "judge: where no answer comes: go on with the fallback, or stop with everything saved"},
    {"reward.explore.fallback", REAL(reward.explore.judge.fallback, 0, 1), "0.5", "judge: grade where no answer comes"},
    {"reward.explore.model", TEXT(reward.explore.model), "\"\"", "judge: model name"},
    {"reward.explore.temperature", REAL(reward.explore.temperature, -1, 100), "0", "judge: of its answers (-1: the server's)"},
    {"reward.explore.max_tokens", COUNTED(reward.explore.max_tokens, 0), "512", "judge: of an answer (0: the server's)"},
    {"reward.explore.max_bytes", COUNTED(reward.explore.max_bytes, 0), "16000", "judge: longer responses are cut in the middle (0: never)"},
    {"reward.explore.json", FLAG(reward.explore.json), "false", "judge: asks the server for a JSON object (response_format), where it knows that"},
    {"reward.explore.cache", FLAG(reward.explore.cache), "true", "judge: the same response to the same problem is graded once in a step"},
    {"reward.remote.mode", WORD(reward.remote.mode, remotes), "\"none\"", "a reward server: its number is the outcome (instead of the verifier's), an exploration reward, or the total"},
    {"reward.remote.weight", REAL(reward.remote.weight, -1e6, 1e6), "1", "explore: its weight"},
    {"reward.remote.endpoint", TEXT(reward.remote.server.endpoint), "\"\"", "URL of a reward server that speaks as OpenRLHF's do"},
    {"reward.remote.key_env", TEXT(reward.remote.server.key_env), "\"\"", "environment variable that holds the key; empty: no key is sent"},
    {"reward.remote.timeout", REAL(reward.remote.server.timeout, 0.001, 86400), "120", "seconds that a try may take"},
    {"reward.remote.retries", KEY(KEY_U32, reward.remote.server.retries, 0, 100), "3", "further tries"},
    {"reward.remote.backoff", REAL(reward.remote.server.backoff, 0, 3600), "1", "seconds before the first of them; doubles, up to 30"},
    {"reward.remote.concurrency", KEY(KEY_U32, reward.remote.server.concurrency, 1, 256), "8", "requests at once"},
    {"reward.remote.breaker", COUNTED(reward.remote.server.breaker, 0), "10", "failures in a row after which the server is left alone for a while (0: never)"},
    {"reward.remote.breaker_pause", REAL(reward.remote.server.breaker_pause, 0, 86400), "15", "seconds of that; then one request is a probe"},
    {"reward.remote.on_failure", WORD(reward.remote.server.on_failure, failures), "\"fallback\"", "where no answer comes: go on with the fallback, or stop with everything saved"},
    {"reward.remote.fallback", REAL(reward.remote.server.fallback, -1000000.0, 1000000.0), "0", "reward where no answer comes"},
    {"reward.remote.batch_size", COUNTED(reward.remote.batch_size, 0), "0", "responses in a request, which goes out when they are decoded (0: all of a step)"},
    {"reward.repetition.ngram", KEY(KEY_U32, reward.repetition_ngram, 0, 1000), "0", "repeated n-grams are looked for (0: off)"},
    {"reward.repetition.max_share", REAL(reward.repetition_max_share, 0, 1), "0.5", "share of repeated n-grams above which exploration earns nothing"},
    {"reward.clip", REAL(reward.clip, 0, 1e9), "10", "the total stays within plus and minus this (0: off)"},

    {"eval.every", COUNTED(eval.every, 0), "0", "steps (0: at the end of a stage only)"},
    {"eval.problems", COUNTED(eval.problems, 0), "400", "held-out problems (0: no evaluation; not given: 0 for SFT on files without a task)"},
    {"eval.samples", KEY(KEY_U32, eval.samples, 1, 100000), "1", "sampled responses per problem"},
    {"eval.temperature", REAL(eval.temperature, 0, 100), "1", "of the samples (0: greedy)"},
    {"eval.top_p", REAL(eval.top_p, 1e-6, 1), "1", "of the samples"},
    {"eval.top_k", COUNTED(eval.top_k, 0), "0", "of the samples"},
    {"eval.max_new_tokens", COUNTED(eval.max_new_tokens, 0), "0", "longest response (0: rl.max_new_tokens)"},
    {"eval.greedy", FLAG(eval.greedy), "true", "also one greedy response per problem"},
    {"eval.seed", KEY(KEY_U64, eval.seed, 0, 9007199254740991.0), "12345", "draws the held-out problems, whatever the run's seed"},
    {"eval.final_problems", COUNTED(eval.final_problems, 0), "0", "at the end of a stage (0: problems)"},
    {"eval.final_samples", KEY(KEY_U32, eval.final_samples, 0, 100000), "0", "at the end of a stage (0: samples)"},
    {"eval.traces", COUNTED(eval.traces, 0), "16", "responses per evaluation that go to traces.jsonl"},

    {"checkpoint.every", COUNTED(checkpoint.every, 0), "20", "steps (0: at the end of a stage only)"},
    {"checkpoint.keep", COUNTED(checkpoint.keep, 0), "2", "newest ones kept, beside the best (0: all)"},

    {"adapter.kind", WORD(adapter.kind, adapters), "\"none\"", "lora: train low-rank adapters, the model stays frozen"},
    {"adapter.rank", KEY(KEY_U32, adapter.rank, 1, 4096), "16", "of the adapters"},
    {"adapter.alpha", REAL(adapter.alpha, 1e-6, 1e6), "32", "adapters are scaled by alpha / rank"},
    {"adapter.rslora", FLAG(adapter.rslora), "false", "by alpha / sqrt(rank) instead"},
    {"adapter.dropout", REAL(adapter.dropout, 0, 0.95), "0", "in SFT, the share of an adapter's inputs that is left out of each step; RL has none, for its first ratio has to be 1"},
    {"adapter.path", PATH(adapter.path), "\"\"", "a PEFT adapter to go on with, whose rank, alpha and targets then hold; empty: a new one"},
    {"adapter.targets", KEY_TEXT_LIST, AT(adapter.targets), COUNT(adapter.targets), AT(adapter.target_count), 1, 0, NULL,
     "[\"q_proj\", \"k_proj\", \"v_proj\", \"o_proj\", \"gate_proj\", \"up_proj\", \"down_proj\"]", "matrices that get one"},
};
/* clang-format on */

const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];

const ConfigKey *config_key_find(const char *path)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].path, path) == 0) {
            return &config_keys[i];
        }
    }
    return NULL;
}

bool config_key_is_block(const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < config_key_count; i++) {
        if (length == 0 || (strncmp(config_keys[i].path, path, length) == 0 && config_keys[i].path[length] == '.')) {
            return true;
        }
    }
    return false;
}

bool config_key_in_phase(const ConfigKey *key)
{
    return key->offset >= AT(sft.base) && key->offset < AT(sft.base) + sizeof(SftPhase);
}

/* Levenshtein distance, of at most the first 63 characters. */
static unsigned edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned row[64];
    a_length = a_length < 63 ? a_length : 63;
    b_length = b_length < 63 ? b_length : 63;
    for (size_t j = 0; j <= b_length; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        unsigned diagonal = row[0];
        row[0]            = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            unsigned above = row[j];
            unsigned best  = diagonal + (a[i - 1] != b[j - 1]);
            best           = best < above + 1 ? best : above + 1;
            best           = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
            row[j]         = best;
            diagonal       = above;
        }
    }
    return row[b_length];
}

/* Bytes of the block's path: "rl" of "rl.clip", 0 at the root. */
static size_t block_length(const char *path, size_t length)
{
    while (length > 0 && path[length - 1] != '.') {
        length--;
    }
    return length > 0 ? length - 1 : 0;
}

/* How unlike the path a[0..a_length) and `b` are. A slip of the finger in the last
 * name counts most, then the block: rl.stps → rl.steps, kl_coef → rl.kl_coef. */
static unsigned unlikeness(const char *a, size_t a_length, const char *b)
{
    size_t a_block = block_length(a, a_length), b_block = block_length(b, strlen(b));
    size_t a_last = a_block + (a_block > 0), b_last = b_block + (b_block > 0);
    bool   same = a_block == b_block && strncmp(a, b, a_block) == 0;
    return 4 * edit_distance(a + a_last, a_length - a_last, b + b_last, strlen(b) - b_last) +
           edit_distance(a, a_block, b, b_block) + (same ? 0 : 1);
}

void config_key_nearest(const char *path, char nearest[RUN_NAME_SIZE])
{
    unsigned smallest = ~0u;
    for (size_t i = 0; i < config_key_count; i++) {
        const char *key    = config_keys[i].path;
        size_t      length = strlen(key);
        while (length > 0) { /* the key, then the blocks it lies in */
            unsigned distance = unlikeness(key, length, path);
            if (distance < smallest) {
                smallest = distance;
                snprintf(nearest, RUN_NAME_SIZE, "%.*s", (int)length, key);
            }
            length = block_length(key, length);
        }
    }
}
