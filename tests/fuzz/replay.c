/* Gives every file named, or in a folder named, to a fuzz target: what the fuzzer once found interesting stays a test
 * that needs no fuzzer. Ends with how many inputs were given; none is a failure. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int give(const char *path)
{
    Error  error = {0};
    char  *text  = NULL;
    size_t size  = 0;
    if (file_read(path, UINT64_MAX, &text, &size, &error) != STATUS_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 0;
    }
    /* A copy of exactly `size` bytes, so that a read past the end is seen. */
    uint8_t *data = malloc(size + (size == 0));
    if (data != NULL) {
        if (size > 0) {
            memcpy(data, text, size);
        }
        fprintf(stderr, "\r%.70s", path); /* the last name is the input that a crash came from */
        LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    free(text);
    return data != NULL;
}

static int give_folder(const char *folder)
{
    DIR *entries = opendir(folder);
    int  given   = 0;
    if (entries == NULL) {
        return give(folder);
    }
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char path[4096];
        int  length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.' && length > 0 && (size_t)length < sizeof path) {
            given += give(path);
        }
    }
    closedir(entries);
    return given;
}

int main(int count, char **paths)
{
    int given = 0;
    for (int i = 1; i < count; i++) {
        given += give_folder(paths[i]);
    }
    fprintf(stderr, "\n");
    printf("%d inputs\n", given);
    return given > 0 ? 0 : 1;
}
