/* JudgePrompt: what the judge is asked about a response.
 *
 *     JsonLine         line   = {0};
 *     JudgePrompt      prompt = {.model = "m", .temperature = 0, .max_tokens = 512, .max_bytes = 16000, .json = true};
 *     const char      *body   = judge_prompt(&prompt, problem, problem_bytes, response, bytes, &line);   // NULL: out
 * of memory …post line.data, line.size… json_line_free(&line);
 *
 * The rubric is about the effort of thinking alone, never about whether the answer is right, and stands in the system
 * message. Problem and response are data: they go into the user message as strings of one JSON object, so that nothing
 * in them can end the quotation, and the rubric says that they are not to be followed.
 */
#ifndef RLSP_REWARD_JUDGE_PROMPT_H
#define RLSP_REWARD_JUDGE_PROMPT_H

#include "rlsp/run/json_line.h"

typedef struct JudgePrompt {
    const char *model;
    double      temperature; /* negative: left to the server                                     */
    int         max_tokens;  /* of the judge's answer; 0: left to the server                      */
    size_t      max_bytes;   /* longer problems and responses are cut in the middle; 0: never      */
    bool        json;        /* asks for response_format json_object                              */
} JudgePrompt;

extern const char judge_rubric[];

/* Clears `line` and writes the body of the request into it. NULL: out of memory. */
const char *judge_prompt(const JudgePrompt *prompt, const char *problem, size_t problem_bytes, const char *response,
                         size_t bytes, JsonLine *line);

#endif
