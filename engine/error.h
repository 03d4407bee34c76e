/* Status and Error: how every fallible function of the program reports.
 *
 *     Error error = {0};
 *     if (safetensors_open(&file, path, &error) != STATUS_OK) {
 *         fprintf(stderr, "rlsp: %s\n", error.text);
 *         return error_exit_code(error.status);
 *     }
 *
 * The text is one line: what was being done, to which file, key or tensor, what
 * was found, and what to do; control characters of what it quotes are "?". Library code never prints and never exits.
 * The first error wins: error_set leaves an Error that is already set alone, so a clean-up that fails as well does not
 * hide the cause.
 */
#ifndef ENGINE_ERROR_H
#define ENGINE_ERROR_H

typedef enum Status {
    STATUS_OK = 0,
    STATUS_FAILED,        /* could not be done (device, disk, numbers)       */
    STATUS_BAD_INPUT,     /* the user's command line, config, file or model  */
    STATUS_OUT_OF_MEMORY, /* host or device memory                           */
    STATUS_DEVICE_LOST,   /* the Vulkan device is gone                       */
    STATUS_STOPPED        /* stopped by the user after saving                */
} Status;

typedef struct Error {
    Status status;
    char   text[600];
} Error;

/* Fills an unset *error (NULL is allowed) and returns `status`, so that
 * `return error_set(error, STATUS_BAD_INPUT, "…", …);` reads as one line. */
Status error_set(Error *error, Status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the text of an error that is already set. */
void error_prefix(Error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The process exit code of DESIGN.md: 0 done, 1 failed, 2 bad input, 130 stopped. */
int error_exit_code(Status status);

#endif
