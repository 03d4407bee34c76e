/* RLSP_INTERPRETER: which card the driver is to be like. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/interpreter/vk_driver.h"

enum { STEPS = 1 << 28 }; /* some 400 times what the longest kernel of the tests takes */

static const Options cards[] = {
    {.card           = "nvidia",
     .vendor         = 0x10de,
     .subgroup       = 32,
     .least_subgroup = 32,
     .most_subgroup  = 32,
     .matrices       = true,
     .matrices2      = true},
    {.card = "amd", .vendor = 0x1002, .subgroup = 64, .least_subgroup = 32, .most_subgroup = 64, .matrices = true},
    {.card           = "intel", /* Xe2 */
     .vendor         = 0x8086,
     .subgroup       = 32,
     .least_subgroup = 16,
     .most_subgroup  = 32,
     .matrices       = true},
    {.card           = "arc", /* Intel's Xe-HPG */
     .vendor         = 0x8086,
     .subgroup       = 32,
     .least_subgroup = 8,
     .most_subgroup  = 32,
     .matrices       = true},
    {.card = "other", .vendor = 0x1, .subgroup = 16, .least_subgroup = 16, .most_subgroup = 16, .matrices = true},
};

static bool is(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && strncmp(text, word, length) == 0;
}

static bool set_flag(bool *flag, const char *value, size_t length)
{
    *flag = is(value, length, "1");
    return *flag || is(value, length, "0");
}

static bool set_card(Options *options, const char *value, size_t length)
{
    for (size_t i = 0; i < sizeof cards / sizeof *cards; i++) {
        if (is(value, length, cards[i].card)) {
            const Options row       = cards[i];
            options->card           = row.card;
            options->vendor         = row.vendor;
            options->subgroup       = row.subgroup;
            options->least_subgroup = row.least_subgroup;
            options->most_subgroup  = row.most_subgroup;
            options->matrices       = row.matrices;
            options->matrices2      = row.matrices2;
            return true;
        }
    }
    return false;
}

static bool set_type(Options *options, const char *value, size_t length)
{
    static const struct {
        const char          *name;
        VkPhysicalDeviceType type;
    } types[] = {{"gpu", VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU},
                 {"integrated", VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU},
                 {"cpu", VK_PHYSICAL_DEVICE_TYPE_CPU}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (is(value, length, types[i].name)) {
            options->type = types[i].type;
            return true;
        }
    }
    return false;
}

/* One size, which is then all that there is. */
static bool set_subgroup(Options *options, const char *value)
{
    const unsigned long lanes = strtoul(value, NULL, 10);
    options->subgroup = options->least_subgroup = options->most_subgroup = (uint32_t)lanes;
    return lanes >= 4 && lanes <= 128 && (lanes & (lanes - 1)) == 0;
}

static bool set_variant(Options *options, const char *value)
{
    options->variant = (uint32_t)strtoul(value, NULL, 10);
    return value[0] >= '0' && value[0] <= '9';
}

static bool set_steps(Options *options, const char *value)
{
    options->steps = strtoull(value, NULL, 10);
    return value[0] >= '0' && value[0] <= '9';
}

static bool set_matrices(Options *options, const char *value, size_t length)
{
    options->matrices  = is(value, length, "khr") || is(value, length, "khr+nv");
    options->matrices2 = is(value, length, "khr+nv");
    return options->matrices || is(value, length, "no");
}

static bool set_option(Options *options, const char *name, size_t length, const char *value, size_t size)
{
    return is(name, length, "card")       ? set_card(options, value, size)
           : is(name, length, "type")     ? set_type(options, value, size)
           : is(name, length, "subgroup") ? set_subgroup(options, value)
           : is(name, length, "matrices") ? set_matrices(options, value, size)
           : is(name, length, "bf16")     ? set_flag(&options->bf16, value, size)
           : is(name, length, "rounding") ? set_flag(&options->rounding, value, size)
           : is(name, length, "races")    ? set_flag(&options->races, value, size)
           : is(name, length, "late")     ? set_flag(&options->late, value, size)
           : is(name, length, "reverse")  ? set_flag(&options->reverse, value, size)
           : is(name, length, "tell")     ? set_flag(&options->tell, value, size)
           : is(name, length, "variant")  ? set_variant(options, value)
           : is(name, length, "steps")    ? set_steps(options, value)
           : is(name, length, "count")    ? set_flag(&options->count, value, size)
                                          : false;
}

const Options *driver_options(void)
{
    static Options options;
    if (options.text != NULL) {
        return &options;
    }
    const char *text = getenv("RLSP_INTERPRETER");
    options          = (Options){.text     = text != NULL ? text : "",
                                 .type     = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU,
                                 .bf16     = true,
                                 .rounding = true,
                                 .races    = true,
                                 .late     = true,
                                 .reverse  = true,
                                 .steps    = STEPS};
    set_card(&options, "nvidia", strlen("nvidia"));
    for (const char *at = options.text; *at != '\0'; at += *at == ',') {
        const size_t length = strcspn(at, "=,"), size = at[length] == '=' ? strcspn(at + length + 1, ",") : 0;
        if (size == 0 || !set_option(&options, at, length, at + length + 1, size)) {
            fprintf(stderr,
                    "rlsp interpreter: RLSP_INTERPRETER=%s: \"%s\" is not one of card=nvidia|amd|intel|arc|other, "
                    "type=gpu|integrated|cpu, subgroup=4..128, matrices=no|khr|khr+nv, bf16=, rounding=, races=, "
                    "late=, reverse=, count=, tell=0|1, variant=N, steps=N (0: any)\n",
                    options.text, at);
            _Exit(2); /* the loader holds a lock that what runs at exit would wait for */
        }
        at += length + 1 + size;
    }
    return &options;
}
