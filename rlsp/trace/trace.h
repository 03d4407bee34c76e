/* What a reasoning trace shows: evidence, and words.
 *
 *     TraceStats stats;
 *     TraceSpan  spans[256];
 *     TraceSpans sink = {.spans = spans, .capacity = 256};
 *     task->trace(&problem, response, length, &stats, &sink);   // sink may be NULL
 *
 * *Evidence* is parsed and recomputed: an attempt counts as valid only if it uses
 * the problem's numbers and its arithmetic is right, a verdict as right only if it
 * is true, a backtrack only if one failed attempt is followed by another. *Words*
 * (trace_words) are phrases such as "let me check"; they prove nothing, need no
 * task, and are counted on their own, so that no reward can be earned with them.
 *
 * Evidence is taken from the text before the first complete \boxed{…} only: what
 * is written after an answer has been given is no search (its size is `after_box`).
 */
#ifndef RLSP_TRACE_TRACE_H
#define RLSP_TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Behaviours of PAPER.md section 7, as phrases in any text. */
typedef enum TraceWords {
    TRACE_WORDS_BACKTRACK,       /* "wait", "let me go back", "start over"          */
    TRACE_WORDS_VERIFICATION,    /* "let's check", "verify", "plug back in"         */
    TRACE_WORDS_ALTERNATIVE,     /* "alternatively", "another way"                  */
    TRACE_WORDS_SELF_CORRECTION, /* "made a mistake", "this is not correct"         */
    TRACE_WORDS_SUBGOAL,         /* "first,", "step 2", "we need to find"           */
    TRACE_WORDS_COUNT
} TraceWords;

typedef struct TraceStats {
    /* attempts; attempts = valid + errors, valid = distinct + repeated */
    uint32_t attempts;
    uint32_t valid;            /* right numbers, right arithmetic                    */
    uint32_t distinct;         /* valid and unlike all earlier ones (+ and * commute) */
    uint32_t repeated;         /* valid, but tried before                            */
    uint32_t errors;           /* illegal + wrong_arithmetic                         */
    uint32_t illegal;          /* other numbers than the problem's, or malformed     */
    uint32_t wrong_arithmetic; /* right numbers, but a result is wrong               */
    uint32_t hit_attempt;      /* first valid attempt that makes the target, from 1; 0: none */

    /* what the trace says about its own attempts */
    uint32_t distances;       /* pick-three: attempts that state a distance ("over 3") */
    uint32_t distances_right; /* … and state the true one                            */
    uint32_t verdicts;        /* attempts with a stated verdict ("Not 53", "Yes", "Go back") */
    uint32_t verdicts_right;
    uint32_t false_yes;            /* "Yes" after an attempt that does not make the target */
    uint32_t false_no;             /* rejected although it makes the target              */
    uint32_t verified;             /* distinct attempts that state the truth about themselves */
    uint32_t verified_hit_attempt; /* as hit_attempt, but it must be verified; 0: none   */

    /* what it does next */
    uint32_t go_back;      /* "Go back" markers                                       */
    uint32_t backtracks;   /* failed attempts that are followed by another one        */
    uint32_t checks;       /* "Check:" markers                                        */
    uint32_t checks_right; /* … that recompute the attempt before them, correctly     */
    uint32_t checks_wrong;
    bool     gave_up; /* answered right after an attempt that it did not accept    */

    size_t   after_box;                /* bytes after the first complete box          */
    double   repetition;               /* repetition_of_words over all the response, n = 6 */
    uint32_t words[TRACE_WORDS_COUNT]; /* phrases, over all the response              */
} TraceStats;

typedef enum TraceSpanKind {
    TRACE_SPAN_ATTEMPT,         /* valid and new                */
    TRACE_SPAN_ATTEMPT_REPEAT,  /* valid, tried before          */
    TRACE_SPAN_ATTEMPT_ERROR,   /* illegal or wrong arithmetic  */
    TRACE_SPAN_VERDICT,         /* stated verdict that is true  */
    TRACE_SPAN_VERDICT_FALSE,   /* … that is false              */
    TRACE_SPAN_BACKTRACK,       /* "Go back"                    */
    TRACE_SPAN_CHECK,           /* recomputed, right            */
    TRACE_SPAN_CHECK_WRONG,     /* … wrong                      */
    TRACE_SPAN_ANSWER,          /* the box that is judged       */
    TRACE_SPAN_WORDS_BACKTRACK, /* words only, in the order of TraceWords */
    TRACE_SPAN_WORDS_VERIFICATION,
    TRACE_SPAN_WORDS_ALTERNATIVE,
    TRACE_SPAN_WORDS_SELF_CORRECTION,
    TRACE_SPAN_WORDS_SUBGOAL,
    TRACE_SPAN_KIND_COUNT
} TraceSpanKind;

/* A stretch of the response, for highlighting. */
typedef struct TraceSpan {
    size_t        offset, length; /* bytes */
    TraceSpanKind kind;
    bool          evidence; /* false: words only */
} TraceSpan;

/* Where spans go. `count` goes on past `capacity`; what does not fit is left out.
 * Evidence comes first, in order; words after it, in order. */
typedef struct TraceSpans {
    TraceSpan *spans;
    size_t     capacity, count;
} TraceSpans;

/* "attempt", "verdict_false", "words_backtrack", … */
const char *trace_span_kind_name(TraceSpanKind kind);

/* Counts phrases, ASCII letters in either case, on word boundaries, longest first
 * and without overlap. `spans` may be NULL. For any text, of any task. */
void trace_words(const char *text, size_t length, uint32_t counts[TRACE_WORDS_COUNT], TraceSpans *spans);

/* Share of n-grams that are a copy of an earlier one, in [0, 1]; 0 where there
 * are fewer than two n-grams. Words are what white space separates. The default
 * n of 6 words is one line of a built-in task's search, so that the fixed words of
 * honest misses ("Not 53. Go back. Try") are no repetition. Allocates up to 40 bytes
 * per word; -1 when out of memory. */
double repetition_of_words(const char *text, size_t length, uint32_t n);

/* --- for the detectors of the tasks ------------------------------------------ */

enum { TRACE_DISTINCT_MAX = 1024 }; /* distinct attempts that are told apart; later ones count as repeats */

/* One attempt as parsed. */
typedef struct TraceAttempt {
    size_t   offset, length; /* of its text                                          */
    bool     legal;          /* the problem's numbers, well-formed                   */
    bool     right;          /* legal, and all arithmetic right                      */
    bool     hit;            /* right, and makes the target                          */
    bool     makes_target;   /* legal, and its true value is the target, whatever the trace says it is */
    uint64_t key;            /* equal for attempts that are the same; if right       */
} TraceAttempt;

typedef enum TraceClaim {
    TRACE_CLAIM_NONE,
    TRACE_CLAIM_YES,
    TRACE_CLAIM_NO,
    TRACE_CLAIM_MISSTATED /* "no" with a wrong reason: another target, a wrong distance */
} TraceClaim;

/* Puts parsed facts together. Usage: begin; for each attempt trace_attempt, then
 * trace_claim once if it states a verdict, trace_go_back and trace_check where
 * they occur; end. */
typedef struct TraceBuilder {
    TraceStats  *stats;
    TraceSpans  *spans; /* may be NULL                                              */
    bool         open;  /* `last` is an attempt; the following fields are about it  */
    TraceAttempt last;
    size_t       last_slot; /* in `seen`; SIZE_MAX: not there                        */
    TraceClaim   claim;
    bool         claim_right, states_distance, distance_right;
    uint64_t     seen[2 * TRACE_DISTINCT_MAX];          /* keys, open addressing; 0: free */
    bool         seen_verified[2 * TRACE_DISTINCT_MAX]; /* counted in stats->verified     */
} TraceBuilder;

void trace_begin(TraceBuilder *builder, TraceStats *stats, TraceSpans *spans);
void trace_attempt(TraceBuilder *builder, const TraceAttempt *attempt);
/* The stated distance of the last attempt. */
void trace_distance(TraceBuilder *builder, size_t offset, size_t length, bool right);
/* The verdict on the last attempt; the first one after an attempt counts. Length 0: no span. */
void trace_claim(TraceBuilder *builder, size_t offset, size_t length, TraceClaim claim);
void trace_go_back(TraceBuilder *builder, size_t offset, size_t length);
void trace_check(TraceBuilder *builder, size_t offset, size_t length, bool right);
/* `answered`: a box follows. */
void trace_end(TraceBuilder *builder, bool answered);
void trace_span_add(TraceSpans *spans, size_t offset, size_t length, TraceSpanKind kind);

#endif
