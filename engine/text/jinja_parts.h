/* Private to engine/text/jinja*.c: values, the tree of a parsed template, a run. */
#ifndef ENGINE_TEXT_JINJA_PARTS_H
#define ENGINE_TEXT_JINJA_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/text/jinja.h"

enum {
    /* The machine's stack must hold JINJA_DEPTH levels of a tree for each of JINJA_CALL_DEPTH macros. */
    JINJA_DEPTH       = 120, /* levels of a template's tree */
    JINJA_CALL_DEPTH  = 8,   /* macros within macros        */
    JINJA_VALUE_DEPTH = 200, /* lists and dicts in others   */
    JINJA_ARGUMENTS   = 16   /* of a call                   */
};

/* Memory that is freed all at once. */
typedef struct JinjaArena {
    struct JinjaBlock *blocks;
    size_t             left;  /* of the newest block       */
    size_t             limit; /* bytes that may still come */
} JinjaArena;

void *jinja_alloc(JinjaArena *arena, size_t bytes); /* zeroed; NULL: out of memory, or beyond the limit */
void  jinja_arena_free(JinjaArena *arena);

/* --- values */

typedef struct JinjaString {
    const char *text; /* UTF-8, need not end with a NUL */
    size_t      bytes;
} JinjaString;

typedef enum JinjaKind {
    JINJA_UNDEFINED, /* string: the name that was not found */
    JINJA_NONE,
    JINJA_BOOL, /* integer: 0 or 1 */
    JINJA_INTEGER,
    JINJA_REAL,
    JINJA_STRING,
    JINJA_LIST,
    JINJA_DICT,
    JINJA_NAMESPACE, /* dict, the one value that a template can change */
    JINJA_LOOP,      /* the variable `loop`                            */
    JINJA_FUNCTION,  /* index of a global function                     */
    JINJA_METHOD,    /* index of a method; self is what it belongs to  */
    JINJA_MACRO      /* a {% macro %} of the template                  */
} JinjaKind;

typedef struct JinjaValue {
    JinjaKind kind;
    int       index;
    union {
        int64_t                 integer;
        double                  real;
        JinjaString             string;
        struct JinjaList       *list;
        struct JinjaDict       *dict;
        const struct JinjaLoop *loop;
        const struct JinjaNode *macro;
    };
    const struct JinjaValue *self;
} JinjaValue;

/* Values are trees: what nests deeper than JINJA_VALUE_DEPTH is an error where it is made. */
typedef struct JinjaList {
    JinjaValue *items;
    size_t      count;
    uint32_t    depth; /* levels of lists and dicts, this one included */
} JinjaList;

typedef struct JinjaEntry {
    JinjaString key;
    JinjaValue  value;
} JinjaEntry;

typedef struct JinjaDict {
    JinjaEntry *entries; /* in order of insertion */
    size_t      count, capacity;
    uint32_t    depth;
} JinjaDict;

typedef struct JinjaLoop {
    const JinjaList *items;
    size_t           index; /* from 0 */
} JinjaLoop;

/* --- the tree */

typedef enum JinjaNodeKind {
    /* expressions */
    JINJA_CONSTANT,
    JINJA_NAME,      /* name                                          */
    JINJA_ATTRIBUTE, /* a . name                                      */
    JINJA_ITEM,      /* a [ b ]                                       */
    JINJA_SLICE,     /* a [ list[0] : list[1] : list[2] ], NULL: none */
    JINJA_CALL,      /* a ( list, keywords in their names )           */
    JINJA_FILTER,    /* a | filter number `index` ( list ); -1: not supported */
    JINJA_TEST,      /* a is test number `index` ( list ); -1: not supported  */
    JINJA_NOT,       /* not a                                         */
    JINJA_NEGATIVE,  /* - a                                           */
    JINJA_BINARY,    /* a op b                                        */
    JINJA_AND,
    JINJA_OR,
    JINJA_CHOICE,    /* a if b else c (NULL: undefined)               */
    JINJA_MAKE_LIST, /* [ list ], also ( list )                       */
    JINJA_MAKE_DICT, /* keys at even places of list, values at odd    */
    JINJA_KEYWORD,   /* name = a, in a call                           */
    /* statements, chained by next */
    JINJA_TEXT,       /* value.string                                  */
    JINJA_PRINT,      /* {{ a }}                                       */
    JINJA_IF,         /* a: the condition; body; otherwise             */
    JINJA_FOR,        /* list: the targets; a: in what; b: if; body; otherwise */
    JINJA_SET,        /* list: the targets; a, or body for a block     */
    JINJA_GENERATION, /* body                                          */
    JINJA_DEFINE,     /* macro name ( list: NAME or KEYWORD ) body     */
    JINJA_BREAK,
    JINJA_CONTINUE
} JinjaNodeKind;

typedef enum JinjaOperator {
    JINJA_ADD,
    JINJA_SUBTRACT,
    JINJA_MULTIPLY,
    JINJA_DIVIDE,
    JINJA_FLOOR_DIVIDE,
    JINJA_MODULO,
    JINJA_CONCAT,
    JINJA_EQUAL,
    JINJA_NOT_EQUAL,
    JINJA_LESS,
    JINJA_LESS_EQUAL,
    JINJA_GREATER,
    JINJA_GREATER_EQUAL,
    JINJA_IN,
    JINJA_NOT_IN
} JinjaOperator;

typedef struct JinjaNode {
    JinjaNodeKind      kind;
    int                index; /* filter, test; operator                        */
    uint32_t           line;
    uint32_t           depth; /* levels below, this one included               */
    JinjaString        name;
    JinjaValue         value; /* CONSTANT, TEXT                                */
    struct JinjaNode  *a, *b, *c;
    struct JinjaNode **list;
    size_t             count;
    struct JinjaNode  *body, *otherwise;
    struct JinjaNode  *next;
} JinjaNode;

struct JinjaTemplate {
    JinjaArena arena;
    char      *name;
    JinjaNode *body;
};

/* --- tokens */

typedef enum JinjaTokenKind {
    JINJA_T_END,
    JINJA_T_TEXT,
    JINJA_T_PRINT,     /* {{ */
    JINJA_T_PRINT_END, /* }} */
    JINJA_T_BLOCK,     /* {% */
    JINJA_T_BLOCK_END, /* %} */
    JINJA_T_NAME,
    JINJA_T_STRING,
    JINJA_T_INTEGER,
    JINJA_T_REAL,
    JINJA_T_OPERATOR /* text: one or two characters */
} JinjaTokenKind;

typedef struct JinjaToken {
    JinjaTokenKind kind;
    uint32_t       line;
    JinjaString    string; /* of a string what it stands for */
    int64_t        integer;
    double         real;
} JinjaToken;

/* Reads all tokens of a template, the last an END; in the arena. */
Status jinja_lex(JinjaArena *arena, const char *text, size_t bytes, const char *name, JinjaToken **tokens,
                 size_t *count, Error *error);

typedef struct JinjaParser {
    JinjaArena       *arena;
    const char       *name;
    const JinjaToken *token; /* the one to look at */
    uint32_t          depth; /* of the recursion   */
    uint32_t          loops; /* around             */
    Error            *error;
    bool              failed;
} JinjaParser;

/* The parsers return NULL once parser->failed is set. */
JinjaNode *jinja_parse_expression(JinjaParser *parser);
JinjaNode *jinja_parse_list(JinjaParser *parser);        /* a, b: a list; a alone: a */
JinjaNode *jinja_parse_loop_source(JinjaParser *parser); /* a list without "a if b": that "if" is the loop's */
JinjaNode *jinja_parse_or(JinjaParser *parser);          /* an expression without "a if b" */
JinjaNode *jinja_parse_unary(JinjaParser *parser, bool with_filter); /* a value with what follows it */
void      *jinja_parse_fail(JinjaParser *parser, const char *format, ...) __attribute__((format(printf, 2, 3)));
JinjaNode *jinja_node(JinjaParser *parser, JinjaNodeKind kind);
JinjaNode *jinja_node_done(JinjaParser *parser, JinjaNode *node); /* sets and checks its depth */
bool       jinja_append(JinjaParser *parser, JinjaNode *node, JinjaNode *element);
bool       jinja_at(const JinjaParser *parser, JinjaTokenKind kind, const char *text); /* text NULL: any */
bool       jinja_accept(JinjaParser *parser, JinjaTokenKind kind, const char *text);
void       jinja_describe(const JinjaToken *token, char text[100]); /* for errors */
bool       jinja_expect(JinjaParser *parser, JinjaTokenKind kind, const char *text);

/* --- a run */

typedef struct JinjaFrame {
    JinjaDict          variables;
    struct JinjaFrame *outer;
} JinjaFrame;

typedef enum JinjaLeave { JINJA_STAY, JINJA_LEAVE_BREAK, JINJA_LEAVE_CONTINUE } JinjaLeave;

/* Growing text: the result, or what a block's {% set %} and a macro collect. */
typedef struct JinjaText {
    char  *text; /* malloc'ed */
    size_t bytes, capacity;
} JinjaText;

typedef struct JinjaRun {
    JinjaArena arena;
    const JinjaTemplate *template;
    const JinjaOptions *options;
    JinjaDict           globals; /* the caller's variables */
    JinjaFrame         *frame;   /* innermost              */
    JinjaText          *out;
    JinjaOutput        *result;
    size_t              span_capacity;
    size_t              memory; /* bytes that texts outside the arena may still take */
    uint64_t            steps;  /* left */
    uint32_t            line, loops, calls;
    Error              *error;
    bool                failed;
} JinjaRun;

/* Sets the run's error, once; returns an undefined value. */
JinjaValue jinja_fail(JinjaRun *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
JinjaValue jinja_out_of_memory(JinjaRun *run);
void       jinja_charge(JinjaRun *run, uint64_t steps); /* work of a step that is not small */

JinjaValue jinja_eval(JinjaRun *run, const JinjaNode *node);
void       jinja_text_add(JinjaRun *run, JinjaText *out, JinjaString string);
JinjaValue jinja_call_macro(JinjaRun *run, const JinjaNode *macro, const JinjaNode *call);

/* jinja_value.c */
static inline JinjaValue jinja_none(void)
{
    return (JinjaValue){.kind = JINJA_NONE};
}
static inline JinjaValue jinja_bool(bool value)
{
    return (JinjaValue){.kind = JINJA_BOOL, .integer = value};
}
static inline JinjaValue jinja_integer(int64_t value)
{
    return (JinjaValue){.kind = JINJA_INTEGER, .integer = value};
}
static inline JinjaValue jinja_string(const char *text, size_t bytes)
{
    return (JinjaValue){.kind = JINJA_STRING, .string = {text, bytes}};
}
static inline JinjaValue jinja_undefined(JinjaString name)
{
    return (JinjaValue){.kind = JINJA_UNDEFINED, .string = name};
}
JinjaValue        jinja_list(JinjaRun *run, size_t count);         /* of undefined values */
JinjaValue        jinja_list_done(JinjaRun *run, JinjaValue list); /* after lists or dicts were put in: its depth */
bool              jinja_whole(JinjaValue value, int64_t *integer); /* an integer or a boolean */
bool              jinja_true(JinjaValue value);
const char       *jinja_type(JinjaValue value); /* as Python calls it */
bool              jinja_same(JinjaString a, JinjaString b);
bool              jinja_is(JinjaString a, const char *word);
bool              jinja_equal(JinjaRun *run, JinjaValue a, JinjaValue b);
bool              jinja_contains(JinjaRun *run, JinjaValue element, JinjaValue container);
const JinjaValue *jinja_dict_find(const JinjaDict *dict, JinjaString key);
bool              jinja_dict_set(JinjaRun *run, JinjaDict *dict, JinjaString key, JinjaValue value);
JinjaValue        jinja_from_json(JinjaRun *run, const cJSON *json);
JinjaString       jinja_text_of(JinjaRun *run, JinjaValue value);  /* str(value) */
JinjaValue        jinja_sequence(JinjaRun *run, JinjaValue value); /* list(value) */
JinjaString       jinja_copy(JinjaRun *run, const char *text, size_t bytes);

/* jinja_json.c */
JinjaValue jinja_to_json(JinjaRun *run, JinjaValue value, int64_t indent); /* indent < 0: on one line */
size_t     jinja_real_text(double real, char text[32]);                    /* repr(float) */

/* jinja_access.c */
JinjaValue jinja_attribute(JinjaRun *run, JinjaValue object, JinjaString name);
JinjaValue jinja_item(JinjaRun *run, JinjaValue object, JinjaValue index);
JinjaValue jinja_slice(JinjaRun *run, JinjaValue object, const JinjaValue bounds[3]);

/* jinja_call.c: the arguments of a call */
typedef struct JinjaArguments {
    JinjaValue  values[JINJA_ARGUMENTS];
    JinjaString names[JINJA_ARGUMENTS]; /* of keywords; text NULL: by place, these first */
    size_t      count, placed;
} JinjaArguments;
int        jinja_test_index(JinjaString name);
bool       jinja_test(JinjaRun *run, int index, JinjaValue value, const JinjaArguments *arguments);
int        jinja_function_index(JinjaString name);
JinjaValue jinja_function(JinjaRun *run, int index, const JinjaArguments *arguments);
/* Argument `place`, or the keyword `name`; *given tells whether it is there. */
JinjaValue jinja_argument(const JinjaArguments *arguments, size_t place, const char *name, bool *given);
/* Fails if there are more arguments than `most` or other keywords than `names` (comma-separated). */
bool jinja_arguments_check(JinjaRun *run, const JinjaArguments *arguments, const char *what, size_t least, size_t most,
                           const char *names);

/* The same for a string: false if it is not there, or is none (then the run fails). */
bool jinja_string_argument(JinjaRun *run, const JinjaArguments *arguments, size_t place, const char *name,
                           const char *what, JinjaString *string);
int  jinja_find(const char *const *names, size_t count, JinjaString name); /* the place of a name; -1: none */

/* jinja_filters.c */
int        jinja_filter_index(JinjaString name); /* -1: not known */
JinjaValue jinja_filter(JinjaRun *run, int index, JinjaValue value, const JinjaArguments *arguments);

/* jinja_choose.c */
JinjaValue jinja_choose(JinjaRun *run, JinjaValue value, const JinjaArguments *arguments, bool by_attribute,
                        bool reject);
JinjaValue jinja_map(JinjaRun *run, JinjaValue value, const JinjaArguments *arguments);

/* jinja_methods.c */
int         jinja_method_index(JinjaKind kind, JinjaString name); /* -1: Python has none; -2: not supported */
JinjaValue  jinja_method(JinjaRun *run, int index, JinjaValue self, const JinjaArguments *arguments);
bool        jinja_is_space(uint32_t point); /* Python's str.isspace */
JinjaString jinja_strip(JinjaString string, const JinjaString *chars, bool left, bool right);
JinjaValue  jinja_change_case(JinjaRun *run, JinjaString string, int how); /* 0 upper, 1 lower, 2 capitalize, 3 title */
JinjaValue  jinja_replace(JinjaRun *run, JinjaString string, JinjaString from, JinjaString to, int64_t most);

#endif
