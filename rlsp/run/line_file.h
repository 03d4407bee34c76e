/* LineFile: whole lines of a file that somebody else writes.
 *
 *     LineFile file;
 *     line_file_open(&file, path);                        // it need not be there yet
 *     if (line_file_look(&file) == LINES_CUT) …           // what was given is no longer what the file holds
 *     do {
 *         while (line_file_peek(&file, &line)) { …; line_file_take(&file, &line); }
 *     } while (line_file_fill(&file));
 *
 * A torn last line waits until it is whole. A file that was cut back is noticed, also where it has grown beyond
 * its old length since, or was put there anew (a copy from another machine): the bytes before the place that was
 * reached are compared. Nothing is mapped: a file that is cut back while it is read is only a shorter one.
 */
#ifndef RLSP_RUN_LINE_FILE_H
#define RLSP_RUN_LINE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum { LINE_TAIL = 256, LINE_CHUNK = 256 << 10, LINE_LIMIT = 16 << 20 }; /* bytes */

/* buffer[start..end) lies at `offset` in the file; buffer[start..scanned) holds no newline. */
typedef struct LineFile {
    char           *path;
    int             descriptor; /* -1: not there (yet) */
    dev_t           device;
    ino_t           inode;
    struct timespec changed;
    uint64_t        size;   /* when it was last looked at */
    uint64_t        offset; /* all before it has been taken */
    char           *buffer;
    size_t          start, scanned, end, capacity;
    bool            too_long; /* the rest of the current line is dropped */
    uint64_t        dropped;  /* lines beyond LINE_LIMIT */
    int             failed;   /* errno of what could not be read; 0: none */
    size_t          tail_bytes;
    char            tail[LINE_TAIL]; /* the bytes before `offset` */
} LineFile;

typedef struct Line {
    const char *text; /* [bytes] with its newline; valid until the next call */
    size_t      bytes;
    uint64_t    offset;
} Line;

typedef enum LineLook { LINES_SAME, LINES_CUT } LineLook;

bool     line_file_open(LineFile *file, const char *directory, const char *name); /* false: out of memory */
void     line_file_close(LineFile *file);
void     line_file_rewind(LineFile *file, uint64_t offset); /* to a byte after which a line starts */
LineLook line_file_look(LineFile *file);
bool     line_file_peek(LineFile *file, Line *line); /* the next whole line of what has been read */
void     line_file_take(LineFile *file, const Line *line);
bool     line_file_fill(LineFile *file);          /* reads on, LINE_CHUNK bytes or to a line's end; false: at the end */
bool     line_file_waiting(const LineFile *file); /* whether there was more when it was looked at */

/* Reads buffer[bytes] at `offset`; returns how many were there. */
size_t line_file_read(const LineFile *file, uint64_t offset, char *buffer, size_t bytes);

#endif
