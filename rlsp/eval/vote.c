#include "rlsp/eval/vote.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/random.h"

/* Beyond so many additions the subsets of one problem are drawn, not counted. */
static const double COUNTING_MAX = 5e7;

/* --- classes ----------------------------------------------------------------------------------------------------- */

/* Union by the smaller index, so that a class is named by its first text. */
static uint32_t root_of(uint32_t *parent, uint32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i         = parent[i];
    }
    return i;
}

/* Joins the texts that mean the same. texts [count], all different. */
static void join_same(const char *const *texts, uint32_t count, VoteSame same, void *user, uint32_t *parent)
{
    const uint32_t compared = count < VOTE_COMPARED_MAX ? count : VOTE_COMPARED_MAX;
    for (uint32_t i = 1; i < compared; i++) {
        for (uint32_t j = 0; j < i; j++) {
            const uint32_t a = root_of(parent, j), b = root_of(parent, i);
            if (a != b && (same(user, texts[j], texts[i]) || same(user, texts[i], texts[j]))) {
                parent[a > b ? a : b] = a < b ? a : b;
            }
        }
    }
}

/* Which of the different texts each answer is; returns how many there are. */
static uint32_t different_texts(const char *const *answers, uint32_t n, const char **texts, int32_t *text_of)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        text_of[i] = -1;
        for (uint32_t t = 0; answers[i] != NULL && t < count && text_of[i] < 0; t++) {
            text_of[i] = strcmp(texts[t], answers[i]) == 0 ? (int32_t)t : -1;
        }
        if (answers[i] != NULL && text_of[i] < 0) {
            texts[count] = answers[i];
            text_of[i]   = (int32_t)count++;
        }
    }
    return count;
}

Status vote_classes(const char *const *answers, uint32_t n, VoteSame same, void *user, int32_t *class_of,
                    uint32_t *classes, Error *error)
{
    const char **texts  = malloc(((size_t)n + 1) * sizeof *texts);
    uint32_t    *parent = calloc(((size_t)n + 1) * 2, sizeof *parent);
    *classes            = 0;
    if (texts == NULL || parent == NULL) {
        free(texts);
        free(parent);
        return error_set(error, STATUS_OUT_OF_MEMORY, "counting votes: out of host memory");
    }
    uint32_t      *number = parent + n + 1;
    const uint32_t count  = different_texts(answers, n, texts, class_of);
    for (uint32_t t = 0; t < count; t++) {
        parent[t] = t;
    }
    join_same(texts, count, same, user, parent);
    for (uint32_t t = 0; t < count; t++) { /* a root comes before the rest of its class */
        const uint32_t root = root_of(parent, t);
        number[t]           = root == t ? (*classes)++ : number[root];
    }
    for (uint32_t i = 0; i < n; i++) {
        class_of[i] = class_of[i] >= 0 ? (int32_t)number[class_of[i]] : -1;
    }
    free(texts);
    free(parent);
    return STATUS_OK;
}

int64_t vote_winner(const int32_t *class_of, uint32_t n)
{
    int64_t  winner = -1;
    uint32_t most   = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t votes = 0;
        for (uint32_t j = 0; class_of[i] >= 0 && j < n; j++) {
            votes += class_of[j] == class_of[i];
        }
        if (votes > most) { /* the first of its class comes first, so that ties are the earlier one's */
            most   = votes;
            winner = i;
        }
    }
    return winner;
}

/* --- maj@k by counting ------------------------------------------------------------------------------------------- */

/* Pascal's triangle, row by row: rows [n + 1, n + 1]. */
static double *binomials(uint32_t n)
{
    const size_t width = (size_t)n + 1;
    double      *rows  = calloc(width * width, sizeof *rows);
    for (size_t i = 0; rows != NULL && i < width; i++) {
        rows[i * width] = 1;
        for (size_t j = 1; j <= i; j++) {
            rows[i * width + j] = rows[(i - 1) * width + j - 1] + rows[(i - 1) * width + j];
        }
    }
    return rows;
}

/* Counting, for a winner with m votes: ways[t * (k + 1) + r] is the number of ways to draw r of the samples that were
 * looked at so far with t of their classes at m votes and none above. */
typedef struct Counting {
    const VoteCount *count;
    const double    *choose; /* [n + 1, n + 1] */
    size_t           width;  /* n + 1          */
    uint32_t         k;
    double          *ways, *next; /* [k + 1, k + 1] */
} Counting;

/* Another class, of `votes` >= m votes, is drawn from. */
static void add_class(Counting *c, uint32_t votes, uint32_t m, uint32_t ties)
{
    const uint32_t row = c->k + 1;
    memset(c->next, 0, (size_t)(ties + 1) * row * sizeof *c->next);
    for (uint32_t t = 0; t <= ties; t++) {
        for (uint32_t r = 0; r <= c->k; r++) {
            const double ways = c->ways[t * row + r];
            for (uint32_t x = 0; ways > 0 && x <= m && r + x <= c->k; x++) {
                const uint32_t to = t + (x == m);
                if (to <= ties) {
                    c->next[to * row + r + x] += ways * c->choose[votes * c->width + x];
                }
            }
        }
    }
    double *old = c->ways;
    c->ways     = c->next;
    c->next     = old;
}

/* The number of draws of k that class `winner` wins with m votes, shared ones in part. */
static double count_wins(Counting *c, uint32_t winner, uint32_t m)
{
    const VoteCount *count = c->count;
    const uint32_t   row = c->k + 1, rest = c->k - m;
    uint32_t         harmless = count->unanswered, ties = 0; /* samples of classes that cannot reach m votes */
    double           wins = 0;
    for (uint32_t i = 0; i < count->classes; i++) {
        harmless += i != winner && count->votes[i] < m ? count->votes[i] : 0;
        ties += i != winner && count->votes[i] >= m;
    }
    ties = ties < rest / m ? ties : rest / m;
    memset(c->ways, 0, (size_t)(ties + 1) * row * sizeof *c->ways);
    for (uint32_t x = 0; x <= rest && x <= harmless; x++) {
        c->ways[x] = c->choose[harmless * c->width + x];
    }
    for (uint32_t i = 0; i < count->classes; i++) {
        if (i != winner && count->votes[i] >= m) {
            add_class(c, count->votes[i], m, ties);
        }
    }
    for (uint32_t t = 0; t <= ties; t++) {
        wins += c->ways[t * row + rest] / (t + 1.0);
    }
    return wins * c->choose[count->votes[winner] * c->width + m];
}

/* Additions that counting takes, at most. */
static double counting_cost(const VoteCount *count, uint32_t k)
{
    double cost = 0;
    for (uint32_t j = 0; j < count->classes; j++) {
        for (uint32_t m = 1; count->correct[j] && m <= count->votes[j] && m <= k; m++) {
            double large = 0;
            for (uint32_t i = 0; i < count->classes; i++) {
                large += i != j && count->votes[i] >= m;
            }
            const double ties = large < k / m ? large : k / m;
            cost += count->classes + large * (ties + 1) * k * m;
        }
    }
    return cost;
}

static double by_counting(const VoteCount *count, uint32_t n, uint32_t k)
{
    const size_t cells  = ((size_t)k + 1) * (k + 1);
    double      *choose = binomials(n), *ways = malloc(2 * cells * sizeof *ways);
    Counting     c    = {.count = count, .choose = choose, .width = (size_t)n + 1, .k = k, .ways = ways};
    double       wins = 0;
    if (choose == NULL || ways == NULL) {
        wins = NAN;
    } else {
        c.next = ways + cells;
        for (uint32_t j = 0; j < count->classes; j++) {
            for (uint32_t m = 1; count->correct[j] && m <= count->votes[j] && m <= k; m++) {
                wins += count_wins(&c, j, m);
            }
        }
        wins /= choose[n * c.width + k];
    }
    free(choose);
    free(ways);
    return wins;
}

/* --- maj@k by drawing -------------------------------------------------------------------------------------------- */

static void list_samples(const VoteCount *count, int32_t *class_of)
{
    for (uint32_t i = 0; i < count->classes; i++) {
        for (uint32_t v = 0; v < count->votes[i]; v++) {
            *class_of++ = (int32_t)i;
        }
    }
    for (uint32_t v = 0; v < count->unanswered; v++) {
        *class_of++ = -1;
    }
}

static double by_drawing(const VoteCount *count, uint32_t n, uint32_t k)
{
    int32_t class_of[VOTE_SAMPLES_MAX];
    double  wins   = 0;
    Random  random = random_stream(count->seed, RANDOM_VOTE, count->problem, k);
    list_samples(count, class_of);
    for (int s = 0; s < VOTE_SUBSAMPLES; s++) {
        for (uint32_t i = 0; i < k; i++) { /* the first k of a shuffle */
            const uint32_t j   = i + random_below(&random, n - i);
            const int32_t  was = class_of[i];
            class_of[i]        = class_of[j];
            class_of[j]        = was;
        }
        const int64_t winner = vote_winner(class_of, k);
        wins += winner >= 0 && count->correct[class_of[winner]];
    }
    return wins / VOTE_SUBSAMPLES;
}

double maj_at_k(const VoteCount *count, uint32_t k, bool *exact)
{
    uint32_t n = count->unanswered;
    for (uint32_t i = 0; i < count->classes; i++) {
        n += count->votes[i];
    }
    *exact = counting_cost(count, k) <= COUNTING_MAX;
    return *exact ? by_counting(count, n, k) : by_drawing(count, n, k);
}
