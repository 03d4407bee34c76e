/* A row as a line of what `rlsp data convert` writes. For convert.c only. */
#ifndef RLSP_DATA_WRITE_H
#define RLSP_DATA_WRITE_H

#include "rlsp/data/convert.h"
#include "rlsp/run/json_line.h"

/* The line (line->size bytes, valid until the next call); NULL: out of memory. A row without an id gets the name and
 * line of its file. Adds the boxes that it writes to *boxed. */
const char *data_write(const DataConvert *convert, const DataRow *row, const Record *record, JsonLine *line,
                       uint64_t *boxed);

#endif
