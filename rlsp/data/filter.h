/* Which rows of a dataset are kept, and why the others are not. */
#ifndef RLSP_DATA_FILTER_H
#define RLSP_DATA_FILTER_H

#include "engine/text/tokenizer.h"
#include "rlsp/data/reduce.h"
#include "rlsp/data/row.h"

/* Why a row is dropped, in the order in which it is asked. */
typedef enum DataDrop {
    DROP_BAD_LINE, /* no JSON, or of no known form (where bad lines are skipped)         */
    DROP_NO_PROBLEM,
    DROP_SEVERAL_TURNS, /* a conversation of several turns is no problem                      */
    DROP_NO_ANSWER,     /* to train with a verifier on                                        */
    DROP_UNREADABLE,    /* the verifier cannot read the answer, or does not find it equal to itself */
    DROP_NO_SOLUTION,   /* to learn from                                                      */
    DROP_WRONG,         /* the solution does not come to the answer                           */
    DROP_FIGURE,
    DROP_LEVEL,
    DROP_TOO_LONG,
    DROP_EXCLUDED,     /* the problem is one of an evaluation set                            */
    DROP_SHARED_WORDS, /* it shares a run of words with one                                  */
    DROP_DUPLICATE,
    DROP_CONTRADICTION, /* the same problem with another answer: all of them                  */
    DROP_NOT_TAKEN,     /* beyond the number of rows that were asked for                      */
    DATA_DROPS,
    DATA_KEPT = DATA_DROPS
} DataDrop;

extern const char *const data_drop_names[DATA_DROPS]; /* "no_answer", …: keys of the JSON report */
extern const char *const data_drop_texts[DATA_DROPS]; /* for people                              */

/* What is asked of a row; all 0: that it is a problem whose answer can be verified. */
typedef struct DataRules {
    bool             solutions;       /* rows are to be learnt from: a solution is needed, an answer not */
    bool             several_turns;   /* and conversations may have several turns                 */
    bool             keep_unreadable; /* answers that only the same text is equal to                */
    bool             drop_wrong;      /* solutions whose own answer is not the row's              */
    bool             drop_figures;
    const char      *levels;       /* "3,4-5,hard"; NULL: all                                      */
    uint32_t         max_chars;    /* of the problem, and of the solution where that is needed; 0: any   */
    uint32_t         max_tokens;   /* likewise                                                      */
    const Tokenizer *tokenizer;    /* for max_tokens                                                */
    uint32_t         shared_words; /* length of a run of words that makes a problem one of the excluded; 0: none */
} DataRules;

/* Problems that may not be in the data. {0} is empty. */
typedef struct DataExcluded {
    ReducedSet problems, runs;
} DataExcluded;

/* Adds the problems of a file of any form. A line without a problem is an error: nobody could say that it is not in the
 * data. */
Status data_exclude(DataExcluded *excluded, const char *path, const DataRules *rules, Error *error);
void   data_excluded_free(DataExcluded *excluded);

/* DATA_KEPT, or why not; all but bad lines, duplicates, contradictions and what is not taken, which the row alone does
 * not tell. An error is out of memory, or a text that the tokenizer cannot write. */
Status data_filter(const DataRules *rules, const DataExcluded *excluded, const DataRow *row, DataFault fault,
                   const char *where, DataDrop *drop, Error *error);

#endif
