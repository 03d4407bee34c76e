/* JudgeReply: what a judge answered.
 *
 *     JudgeReply reply;
 *     char       why[120];
 *     if (judge_reply_read(body, bytes, &reply, why, sizeof why)) …reply.grade, reply.rationale…
 *
 * The body is a chat completion; what counts is the text of its first choice, after a "</think>" if there is one. Read
 * are, in this order: a JSON object that is the whole text; the object in the first ```json (or ```) fence that holds
 * one; the first {…} of the text that has a grade; and last "grade: 0.7" or "score = 0.7" in words, if all of those
 * agree. A grade is a number (or a string of one) from 0 to 1: anything else, however it is wrapped, is
 * no grade, and nothing is clipped into the range. All bytes are safe.
 */
#ifndef RLSP_REWARD_JUDGE_REPLY_H
#define RLSP_REWARD_JUDGE_REPLY_H

#include <stdbool.h>
#include <stddef.h>

enum { JUDGE_RATIONALE_BYTES = 400 };

typedef struct JudgeReply {
    double grade;                            /* in [0, 1]                                        */
    char   rationale[JUDGE_RATIONALE_BYTES]; /* valid UTF-8, cut where it is longer; "": none    */
    double prompt_tokens, answer_tokens;     /* as the server counted them; 0 where it does not say */
} JudgeReply;

/* Reads the body of an HTTP answer. False: no grade in it; `why` says in a few words what was wrong. */
bool judge_reply_read(const char *body, size_t bytes, JudgeReply *reply, char *why, size_t why_size);

/* The same for the judge's text alone: the grade and the rationale. */
bool judge_reply_read_text(const char *text, size_t bytes, JudgeReply *reply, char *why, size_t why_size);

#endif
