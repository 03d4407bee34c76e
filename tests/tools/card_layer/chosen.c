/* Which card the program is to see: RLSP_CARD. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/card_layer/card.h"

static uint32_t *limit_of(Card *card, const char *name, size_t length)
{
    const struct {
        const char *name;
        uint32_t   *limit;
    } limits[] = {{"invocations", &card->invocations},
                  {"group_x", &card->group_x},
                  {"shared", &card->shared},
                  {"range", &card->range},
                  {"stage_buffers", &card->stage_buffers},
                  {"set_buffers", &card->set_buffers},
                  {"texels", &card->texels},
                  {"push", &card->push},
                  {"allocations", &card->allocations},
                  {"subgroups", &card->subgroups},
                  {"features", &card->features}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (strlen(limits[i].name) == length && strncmp(name, limits[i].name, length) == 0) {
            return limits[i].limit;
        }
    }
    return NULL;
}

const Card *card_chosen(void)
{
    static Card  card;
    const char  *text   = getenv("RLSP_CARD");
    const size_t length = text != NULL ? strcspn(text, ",") : 0;
    const Card  *row    = NULL;
    if (card.name != NULL || text == NULL) {
        return card.name != NULL ? &card : NULL;
    }
    for (size_t i = 0; i < card_count; i++) {
        row = strlen(cards[i].name) == length && strncmp(cards[i].name, text, length) == 0 ? &cards[i] : row;
    }
    bool known = row != NULL;
    card       = known ? *row : card;
    for (const char *at = text + length; known && *at == ','; at += strcspn(at, ",")) {
        at++;
        const size_t name  = strcspn(at, "=,");
        uint32_t    *limit = limit_of(&card, at, name);
        known              = limit != NULL && at[name] == '=';
        if (known) {
            *limit = (uint32_t)strtoul(at + name + 1, NULL, 0);
        }
    }
    if (!known) {
        fprintf(stderr, "card_layer: RLSP_CARD=%s: there is no such card or limit\n", text);
        exit(2);
    }
    return &card;
}
