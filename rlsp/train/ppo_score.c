/* Scoring: what policy and reference think of each token, and the critic's values. A forward of up to three models,
 * whose weights nobody changes until the step's responses are all there: so it can begin with those that are. A row's
 * bits do not depend on the rows beside it, so neither do the results on which responses are scored together, or when.
 */
#include <stdlib.h>

#include "engine/ops/rows.h"
#include "rlsp/train/ppo_parts.h"
#include "rlsp/train/session_control.h"

enum { SCORES = 4, AHEAD_PARTS = 4 /* of a micro-batch, that are enough to start before its time */ };

/* An array of results, and where they lie in the order of scoring: what comes later is written there. */
typedef struct Scored {
    GpuSpan tokens, unordered; /* [max_tokens]                */
    bool    there;             /* whether this run has it     */
} Scored;

static void list_scores(const Ppo *ppo, Scored list[SCORES])
{
    list[0] = (Scored){ppo->old_logprob, ppo->advantage, true};
    list[1] = (Scored){ppo->ref_logprob, ppo->returns, ppo->reference != NULL};
    list[2] = (Scored){ppo->entropy, ppo->reward, true};
    list[3] = (Scored){ppo->value, ppo->kl, ppo->critic};
}

static GpuSpan part(GpuSpan span, uint64_t first, uint64_t count)
{
    return gpu_span_slice(span, first * 4, count * 4);
}

void ppo_score_begin(Ppo *ppo)
{
    for (uint32_t s = 0; s < ppo->sequences; s++) {
        ppo->place[s] = PPO_UNSCORED;
    }
    ppo->scored_tokens = ppo->ahead = 0;
    ppo->ahead_since = ppo->ahead_seconds = 0.0;
}

/* Records what follows from the batch; its rows go to [at, …) in the order of scoring. */
static void record(Ppo *ppo, uint32_t at)
{
    Session       *session = ppo->session;
    GpuStream     *s       = ppo->scoring;
    const uint32_t rows    = ppo->batch->rows;
    Scored         to[SCORES];
    list_scores(ppo, to);
    gpu_stream_begin(s);
    gpu_stream_section(s, "old log-probabilities");
    transformer_forward(s, ppo->work, session->policy, ppo->batch);
    head_logprobs(s, ppo->work, session->policy, ppo->batch, ppo_temperature(ppo), ppo->m_logprob, ppo->m_entropy,
                  ppo->m_lse);
    gpu_copy(s, part(to[0].unordered, at, rows), part(ppo->m_logprob, 0, rows));
    gpu_copy(s, part(to[2].unordered, at, rows), part(ppo->m_entropy, 0, rows));
    if (ppo->shared) {
        value_forward(s, ppo->work, session->policy, ppo->batch, ppo->m_value);
        gpu_copy(s, part(to[3].unordered, at, rows), part(ppo->m_value, 0, rows));
    }
    if (ppo->reference != NULL) {
        gpu_stream_section(s, "reference");
        transformer_forward(s, ppo->work, ppo->reference, ppo->batch);
        head_logprobs(s, ppo->work, ppo->reference, ppo->batch, ppo_temperature(ppo), ppo->m_logprob, ppo->m_entropy,
                      ppo->m_lse);
        gpu_copy(s, part(to[1].unordered, at, rows), part(ppo->m_logprob, 0, rows));
    }
    if (ppo->critic && !ppo->shared) {
        gpu_stream_section(s, "values");
        transformer_forward(s, ppo->work, session->critic, ppo->batch);
        value_forward(s, ppo->work, session->critic, ppo->batch, ppo->m_value);
        gpu_copy(s, part(to[3].unordered, at, rows), part(ppo->m_value, 0, rows));
    }
}

/* Starts scoring sequences order[first], … as many as fit; *next is the first that did not. */
static Status submit(Ppo *ppo, const Rollout *rollout, const uint32_t *order, uint32_t first, uint32_t count,
                     uint32_t *next, Error *error)
{
    Status status;
    *next = ppo_load_micro_batch(ppo, rollout, order, first, count, NULL, &status, error);
    if (status != STATUS_OK) {
        return status;
    }
    record(ppo, ppo->scored_tokens);
    for (uint32_t i = first; i < *next; i++) {
        ppo->place[order[i]] = ppo->scored_tokens;
        ppo->scored_tokens += rollout->items[order[i]].tokens;
    }
    return gpu_stream_submit(ppo->scoring, error);
}

/* --- while others are sampled --------------------------------------------------------------- */

/* Kernels that are timed one by one (--profile) run one at a time. */
static bool overlaps(const Session *session)
{
    const GpuInfo   *info   = gpu_info(session->gpu);
    const RunOverlap wanted = session->config.rl.overlap;
    return !session->options.profile &&
           (wanted == OVERLAP_ON || (wanted == OVERLAP_AUTO && info->tier.second_queue && info->type != GPU_CPU));
}

/* Waits for what was started ahead, if anything is; sampling goes on, or is over. */
static Status finish_ahead(Ppo *ppo, Error *error)
{
    if (ppo->ahead_since > 0.0) {
        ppo->ahead_seconds += session_clock() - ppo->ahead_since;
        ppo->ahead_since = 0.0;
    }
    return gpu_stream_wait(ppo->scoring, error);
}

Status ppo_score_ahead(void *user, const Rollout *rollout, Error *error)
{
    Ppo     *ppo    = user;
    uint64_t tokens = 0;
    if (!overlaps(ppo->session) || !gpu_stream_done(ppo->scoring)) {
        return STATUS_OK;
    }
    Status status = finish_ahead(ppo, error);
    for (uint32_t i = ppo->ahead; i < rollout->finished_count; i++) {
        tokens += rollout_tokens(rollout, rollout->finished[i]);
    }
    if (status == STATUS_OK && tokens >= ppo->micro_tokens / AHEAD_PARTS && rollout->finished_count < ppo->sequences) {
        status = submit(ppo, rollout, rollout->finished, ppo->ahead, rollout->finished_count, &ppo->ahead, error);
        ppo->ahead_since = session_clock();
    }
    return status;
}

/* --- the rest --------------------------------------------------------------------------------- */

/* Brings the results into the order of the sequences. */
static Status sort(Ppo *ppo, const Rollout *rollout, Error *error)
{
    const uint32_t tokens = rollout->response_start[rollout->sequences];
    GpuStream     *s      = ppo->session->stream;
    const GpuSpan  index  = ppo->sequence_of; /* not in use yet either */
    uint32_t      *from   = malloc(tokens * sizeof *from);
    Scored         scores[SCORES];
    if (from == NULL) {
        return ppo_out_of_memory(error);
    }
    for (uint32_t i = 0; i < rollout->sequences; i++) {
        for (uint32_t t = 0; t < rollout->items[i].tokens; t++) {
            from[rollout->response_start[i] + t] = ppo->place[i] + t;
        }
    }
    Status status = gpu_upload(ppo->session->gpu, index, from, (uint64_t)tokens * 4, error);
    free(from);
    list_scores(ppo, scores);
    if (status == STATUS_OK) {
        gpu_stream_begin(s);
        for (int i = 0; i < SCORES; i++) {
            if (scores[i].there) {
                rows_gather(s, scores[i].tokens, scores[i].unordered, index, tokens, 1);
            }
        }
        status = gpu_stream_run(s, error);
    }
    return status;
}

static Status summarise(Ppo *ppo, const Rollout *rollout, PpoScore *score, Error *error)
{
    const uint32_t tokens       = rollout->response_start[rollout->sequences];
    double         sums[SCORES] = {0.0};
    Scored         scores[SCORES];
    list_scores(ppo, scores);
    for (int k = 0; k < SCORES; k++) {
        if (!scores[k].there) {
            continue;
        }
        Status status = gpu_download(ppo->session->gpu, scores[k].tokens, ppo->host, (uint64_t)tokens * 4, error);
        if (status != STATUS_OK) {
            return status;
        }
        for (uint32_t t = 0; t < tokens; t++) {
            sums[k] += (double)ppo->host[t];
        }
    }
    const double kl = ppo->reference != NULL ? sums[0] - sums[1] : 0.0;
    *score          = (PpoScore){.kl_sequence   = kl / rollout->sequences,
                                 .kl_token      = kl / tokens,
                                 .entropy       = sums[2] / tokens,
                                 .logprob       = sums[0] / tokens,
                                 .value         = sums[3] / tokens,
                                 .ahead_seconds = ppo->ahead_seconds};
    return STATUS_OK;
}

Status ppo_score(Ppo *ppo, const Rollout *rollout, PpoScore *score, Error *error)
{
    Session *session = ppo->session;
    uint32_t rest    = 0;
    Status   status  = finish_ahead(ppo, error);
    for (uint32_t i = 0; i < rollout->sequences; i++) {
        if (ppo->place[i] == PPO_UNSCORED) {
            ppo->order[rest++] = i;
        }
    }
    for (uint32_t first = 0; first < rest && status == STATUS_OK;) {
        session_doing(session, first == 0, "step %llu: scoring, %u of %u responses done",
                      (unsigned long long)session->step + 1, rollout->sequences - rest + first, rollout->sequences);
        status = submit(ppo, rollout, ppo->order, first, rest, &first, error);
        status = status == STATUS_OK ? gpu_stream_wait(ppo->scoring, error) : status;
    }
    status = status == STATUS_OK ? sort(ppo, rollout, error) : status;
    status = status == STATUS_OK ? summarise(ppo, rollout, score, error) : status;
    ppo_score_begin(ppo); /* of the next step */
    return status;
}
