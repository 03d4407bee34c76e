#include "tui/image/font_find.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/io/file.h"

/* Some systems hold thousands of fonts, and links may run in circles. */
#define MAX_ENTRIES 20000
#define MAX_DEPTH   6

typedef struct Search {
    const char *const *names;
    size_t             count;
    char             **paths;  /* [count] of this root and those before it      */
    char             **nearer; /* [count] of the roots before: they are not replaced */
    int                entries;
} Search;

static void take(Search *search, const char *name, const char *path)
{
    for (size_t i = 0; i < search->count; i++) {
        if (strcmp(search->names[i], name) != 0 || search->nearer[i] != NULL ||
            (search->paths[i] != NULL && strcmp(search->paths[i], path) <= 0)) {
            continue;
        }
        char *copy = malloc(strlen(path) + 1);
        if (copy != NULL) {
            strcpy(copy, path);
            free(search->paths[i]);
            search->paths[i] = copy;
        }
    }
}

static void walk(Search *search, const char *directory, int depth)
{
    DIR *handle = opendir(directory);
    if (handle == NULL) {
        return;
    }
    for (struct dirent *entry; (entry = readdir(handle)) != NULL && search->entries < MAX_ENTRIES;) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        search->entries++;
        char       *path = path_join(directory, entry->d_name);
        struct stat info;
        if (path != NULL && stat(path, &info) == 0) {
            if (S_ISREG(info.st_mode)) {
                take(search, entry->d_name, path);
            } else if (S_ISDIR(info.st_mode) && depth < MAX_DEPTH) {
                walk(search, path, depth + 1);
            }
        }
        free(path);
    }
    closedir(handle);
}

static void walk_root(Search *search, const char *prefix, const char *directory)
{
    char *root = prefix == NULL || prefix[0] == '\0' ? NULL : path_join(prefix, directory);
    if (root != NULL) {
        memcpy(search->nearer, search->paths, search->count * sizeof *search->nearer);
        walk(search, root, 0);
        free(root);
    }
}

void font_find(const char *const *names, size_t count, char **paths)
{
    Search search = {names, count, paths, calloc(count, sizeof *paths), 0};
    for (size_t i = 0; i < count; i++) {
        paths[i] = NULL;
    }
    if (search.nearer == NULL) {
        return;
    }
    const char *home = getenv("HOME"), *data = getenv("XDG_DATA_HOME");
    walk_root(&search, data, "fonts");
    walk_root(&search, home, ".local/share/fonts");
    walk_root(&search, home, ".fonts");
    walk_root(&search, home, "Library/Fonts");
    walk_root(&search, "/usr/local/share", "fonts");
    walk_root(&search, "/usr/share", "fonts");
    walk_root(&search, "/run/current-system/sw/share", "X11/fonts");
    walk_root(&search, "/Library", "Fonts");
    walk_root(&search, "/System/Library", "Fonts");
    free(search.nearer);
}
