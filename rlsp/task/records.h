/* RecordFile: a JSONL file as a list of records, whatever its size.
 *
 *     RecordFile *file = record_file_open("data/train.jsonl", &error);     // finds the lines; keeps none
 *     Record      record = {0};
 *     for (uint64_t i = 0; i < record_file_count(file); i++) {
 *         const char *problem;
 *         char        number[RECORD_NUMBER_SIZE];
 *         if (record_read(file, i, &record, &error) != STATUS_OK ||
 *             record_get_text(&record, "problem", JSON_REQUIRED, number, &problem, &error) != STATUS_OK) …
 *     }
 *     record_free(&record);
 *     record_file_close(file);
 *
 * Opening reads the file once for where its lines begin (8 bytes of memory per record); a record is read from the
 * disk and parsed when it is asked for, so records may be taken in any order: see shuffle.h. Nothing is mapped: a
 * file that is cut or written over while it is in use gives an error. Blank lines count as lines and are no records;
 * a byte order mark is passed over. A line is strict JSON (engine/io/json.h: UTF-8 is checked, too) and an object.
 * Errors begin with FILE:LINE. What is wrong with a line is STATUS_BAD_INPUT; what is wrong with the disk is
 * STATUS_FAILED. Threads may read from one RecordFile, each into its own Record.
 */
#ifndef RLSP_TASK_RECORDS_H
#define RLSP_TASK_RECORDS_H

#include "engine/error.h"
#include "engine/io/json.h"

enum {
    RECORD_NUMBER_SIZE = 32,       /* a number as text, with its NUL        */
    RECORD_WHERE_SIZE  = 1024 + 32 /* FILE:LINE with its NUL; a longer path is cut */
};

#define RECORD_BYTES_MAX ((uint64_t)64 << 20) /* of one line */

typedef struct RecordFile RecordFile;

/* One line. `object` points into the Record itself: it is not to be copied. Starts as {0}. */
typedef struct Record {
    JsonObject object; /* for json_get_…; its errors begin with `where` */
    char       where[RECORD_WHERE_SIZE];
    uint64_t   line; /* from 1 */
    char      *text; /* [bytes] the line as it stands in the file, without its newline; a NUL after it */
    size_t     bytes, capacity;
    cJSON     *root;
} Record;

/* NULL with *error set: a file that is missing or cannot be read, or is no regular file (a pipe, a directory). */
RecordFile *record_file_open(const char *path, Error *error);
void        record_file_close(RecordFile *file); /* NULL is allowed */

const char *record_file_path(const RecordFile *file);
uint64_t    record_file_count(const RecordFile *file);                /* records: lines that are not blank; may be 0 */
uint64_t    record_file_blank(const RecordFile *file);                /* lines passed over */
uint64_t    record_file_line(const RecordFile *file, uint64_t index); /* its line's number, from 1 */
uint64_t    record_file_offset(const RecordFile *file,
                               uint64_t          index); /* of its first byte; for index == count, of the end */

/* Reads record `index` < count; what `record` held before goes. On failure `record` holds its text, if it could be
 * read, and no object. */
Status record_read(const RecordFile *file, uint64_t index, Record *record, Error *error);
void   record_free(Record *record); /* {0} again */

/* The value of a key, or of a path of keys and places ("reward_model.ground_truth", "messages.0.content"; a key
 * that is spelled so goes first); NULL if it is missing. */
const cJSON *record_find(const Record *record, const char *key);

/* A string, or a number written out (into `number`, exactly as far as a double holds it). *text belongs to the record
 * or is `number`. Under JSON_OPTIONAL and JSON_NULLABLE a missing value leaves *text as it was. An integer beyond 2^53
 * is an error: it would be another number. The error for a missing key says which keys there are. */
Status record_get_text(const Record *record, const char *key, JsonNeed need, char number[RECORD_NUMBER_SIZE],
                       const char **text, Error *error);

/* An array; as json_get_array, for a path. */
Status record_get_array(const Record *record, const char *key, JsonNeed need, const cJSON **array, Error *error);

#endif
