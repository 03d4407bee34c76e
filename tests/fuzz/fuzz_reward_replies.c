/* Answers of judges and reward servers, of any bytes: a grade is within 0 and 1 and comes with a rationale that is
 * UTF-8, rewards are finite and as many as were asked for, and what is refused has a reason of one line. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/utf8.h"
#include "rlsp/reward/judge_reply.h"
#include "rlsp/reward/reward_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

static void check(bool good, const JudgeReply *reply, const char *why)
{
    require(good ? reply->grade >= 0 && reply->grade <= 1 : why[0] != '\0' && strchr(why, '\n') == NULL);
    require(!good || (strlen(reply->rationale) < sizeof reply->rationale &&
                      utf8_check(reply->rationale, strlen(reply->rationale)) == strlen(reply->rationale)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char      *text = malloc(size + 1); /* a NUL behind it, as the client hands it over */
    JudgeReply reply;
    double     rewards[3] = {0};
    char       why[60]    = "";
    if (text == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    check(judge_reply_read(text, size, &reply, why, sizeof why), &reply, why);
    require(reply.prompt_tokens >= 0 && reply.answer_tokens >= 0);
    char *exact = realloc(text, size > 0 ? size : 1); /* this one promises not to need it */
    why[0]      = '\0';
    check(judge_reply_read_text(exact, size, &reply, why, sizeof why), &reply, why);
    why[0] = '\0';
    if (reward_reply_read(exact, size, 3, rewards, why, sizeof why)) {
        require(isfinite(rewards[0]) && isfinite(rewards[1]) && isfinite(rewards[2]));
    } else {
        require(why[0] != '\0' && strchr(why, '\n') == NULL);
    }
    free(exact);
    return 0;
}
