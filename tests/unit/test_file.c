/* Whole reads and atomic writes, their failures included. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "tests/support/fixture.h"

static int entries(const char *directory)
{
    DIR *handle = opendir(directory);
    int  count  = 0;
    assert_non_null(handle);
    for (struct dirent *entry; (entry = readdir(handle)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    closedir(handle);
    return count;
}

static void assert_content(const char *path, const char *wanted)
{
    size_t bytes;
    char  *text = fixture_text(path, &bytes);
    assert_int_equal(bytes, strlen(wanted));
    assert_string_equal(text, wanted);
    free(text);
}

static void files_are_read_whole(void **state)
{
    (void)state;
    const char *directory = fixture_directory(), *path = fixture_path(directory, "f");
    char       *bytes;
    size_t      length;
    Error       error = {0};
    assert_int_equal(file_write_atomic(path, "a\0b", 3, &error), STATUS_OK);
    assert_int_equal(file_read(path, 3, &bytes, &length, &error), STATUS_OK);
    assert_int_equal(length, 3);
    assert_memory_equal(bytes, "a\0b", 4); /* and a NUL */
    free(bytes);
    assert_int_equal(file_read(path, 2, &bytes, &length, &error), STATUS_BAD_INPUT);
    assert_null(bytes);
    assert_non_null(strstr(error.text, "3 bytes, more than the 2"));
    error = (Error){0};
    assert_int_equal(file_read(directory, 100, &bytes, &length, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "is a directory"));
    error = (Error){0};
    assert_int_equal(file_read(fixture_path(directory, "none"), 100, &bytes, &length, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "No such file"));
    /* A file whose size stat does not tell. */
    assert_int_equal(file_read("/proc/self/status", 1 << 20, &bytes, &length, &error), STATUS_OK);
    assert_true(length > 100);
    free(bytes);
    assert_int_equal(file_read("/dev/zero", 1 << 20, &bytes, &length, &error), STATUS_BAD_INPUT);
}

static void large_and_small_writes_mix(void **state)
{
    (void)state;
    const char *directory = fixture_directory(), *path = fixture_path(directory, "f");
    size_t      large = (1 << 20) + 7, total = 0;
    char       *data = malloc(3 * large + 100);
    for (size_t i = 0; i < 3 * large + 100; i++) {
        data[i] = (char)(i * 31 % 251);
    }
    AtomicFile *file = atomic_file_open(path, NULL);
    assert_non_null(file);
    const size_t sizes[] = {1, 0, 30, large, 5, large - 1, 1 << 20, 64};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(atomic_file_write(file, data + total, sizes[i], NULL), STATUS_OK);
        total += sizes[i];
    }
    assert_false(file_exists(path)); /* nothing to see before the commit */
    assert_int_equal(atomic_file_commit(file, NULL), STATUS_OK);
    size_t bytes;
    char  *text = fixture_text(path, &bytes);
    assert_int_equal(bytes, total);
    assert_memory_equal(text, data, total);
    assert_int_equal(entries(directory), 1);
    free(text);
    free(data);
}

static void what_is_no_file_is_not_replaced(void **state)
{
    (void)state;
    const char *directory = fixture_directory(), *pipe = fixture_path(directory, "pipe");
    const char *link = fixture_path(directory, "link");
    struct stat info;
    Error       error = {0};
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(symlink(pipe, link), 0);
    assert_int_equal(file_write_atomic(pipe, "a", 1, &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, pipe));
    assert_non_null(strstr(error.text, "a device or a pipe"));
    assert_int_equal(file_write_atomic(link, "a", 1, NULL), STATUS_FAILED);
    assert_int_equal(lstat(pipe, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(entries(directory), 2);
}

static void what_is_aborted_leaves_no_trace(void **state)
{
    (void)state;
    const char *directory = fixture_directory(), *path = fixture_path(directory, "f");
    assert_int_equal(file_write_atomic(path, "old", 3, NULL), STATUS_OK);
    AtomicFile *file = atomic_file_open(path, NULL), *second = atomic_file_open(path, NULL);
    assert_int_equal(atomic_file_write(file, "new", 3, NULL), STATUS_OK);
    assert_int_equal(atomic_file_write(second, "newer", 5, NULL), STATUS_OK); /* two writers do not mix */
    atomic_file_abort(file);
    assert_content(path, "old");
    assert_int_equal(atomic_file_commit(second, NULL), STATUS_OK);
    assert_content(path, "newer");
    assert_int_equal(entries(directory), 1);
    atomic_file_abort(NULL);
}

/* A full disk, played by a limit on the size of files. */
static void a_failed_write_keeps_the_old_file(void **state)
{
    (void)state;
    const char   *directory = fixture_directory(), *path = fixture_path(directory, "f");
    struct rlimit old, limit;
    char         *data  = calloc(1, 3 << 20);
    Error         error = {0};
    assert_int_equal(file_write_atomic(path, "old", 3, NULL), STATUS_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_IGN);
    limit          = old;
    limit.rlim_cur = 1 << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    Status      large = file_write_atomic(path, data, 3 << 20, &error);
    AtomicFile *file  = atomic_file_open(path, NULL);
    for (int i = 0; i < 30; i++) { /* fails in the middle of buffered writes */
        atomic_file_write(file, data, 100000, NULL);
    }
    setrlimit(RLIMIT_FSIZE, &old);
    Status later = atomic_file_commit(file, NULL); /* there is room again, but a part is lost */
    assert_int_equal(large, STATUS_FAILED);
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, "File too large"));
    assert_int_equal(later, STATUS_FAILED);
    assert_content(path, "old");
    assert_int_equal(entries(directory), 1);
    free(data);
}

static void places_that_cannot_be_written_are_named(void **state)
{
    (void)state;
    const char *directory = fixture_directory(), *path = fixture_path(directory, "f");
    Error       error = {0};
    assert_int_equal(file_write_atomic(fixture_path(directory, "none/f"), "x", 1, &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, "none/f"));
    error = (Error){0};
    assert_int_equal(file_write_atomic(directory, "x", 1, &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, "it is a directory"));
    assert_int_equal(file_write_atomic(path, "x", 1, NULL), STATUS_OK);
    error = (Error){0};
    assert_int_equal(file_make_directories(fixture_path(directory, "f/a"), &error), STATUS_FAILED);
    error = (Error){0};
    assert_int_equal(file_write_atomic("/proc/rlsp-test", "x", 1, &error), STATUS_FAILED);
    if (geteuid() != 0) { /* root may write anywhere */
        chmod(directory, 0555);
        error = (Error){0};
        assert_int_equal(file_write_atomic(path, "y", 1, &error), STATUS_FAILED);
        assert_non_null(strstr(error.text, "choose a place you may write to"));
        chmod(directory, 0755);
        assert_content(path, "x");
    }
}

static void permissions_follow_the_umask(void **state)
{
    (void)state;
    const char *path = fixture_path(fixture_directory(), "f");
    struct stat info;
    mode_t      old = umask(027);
    assert_int_equal(file_write_atomic(path, "x", 1, NULL), STATUS_OK);
    umask(old);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

static void directories_are_made_renamed_and_removed(void **state)
{
    (void)state;
    const char *directory = fixture_directory(), *deep = fixture_path(directory, "a//b/c/");
    Error       error = {0};
    assert_int_equal(file_make_directories(deep, &error), STATUS_OK);
    assert_int_equal(file_make_directories(deep, &error), STATUS_OK);
    assert_true(file_is_directory(fixture_path(directory, "a/b/c")));
    assert_int_equal(file_write_atomic(fixture_path(directory, "a/b/c/f"), "x", 1, NULL), STATUS_OK);
    assert_int_equal(file_write_atomic(fixture_path(directory, "kept"), "x", 1, NULL), STATUS_OK);
    assert_int_equal(symlink("../kept", fixture_path(directory, "a/link")), 0);
    assert_int_equal(file_rename(fixture_path(directory, "a"), fixture_path(directory, "z"), &error), STATUS_OK);
    assert_content(fixture_path(directory, "z/b/c/f"), "x");
    assert_int_equal(file_rename(fixture_path(directory, "none"), fixture_path(directory, "y"), &error), STATUS_FAILED);
    assert_int_equal(file_copy(fixture_path(directory, "z/b/c/f"), fixture_path(directory, "copy"), NULL), STATUS_OK);
    assert_content(fixture_path(directory, "copy"), "x");
    assert_int_equal(file_remove(fixture_path(directory, "z"), NULL), STATUS_OK);
    assert_false(file_exists(fixture_path(directory, "z")));
    assert_content(fixture_path(directory, "kept"), "x"); /* the link went, not what it names */
    assert_int_equal(file_remove(fixture_path(directory, "z"), NULL), STATUS_OK);
    assert_int_equal(file_make_directories("", NULL), STATUS_OK);
}

static void paths_are_joined(void **state)
{
    (void)state;
    static const char *const cases[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < 4; i++) {
        char *path = path_join(cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_whole),
        cmocka_unit_test(large_and_small_writes_mix),
        cmocka_unit_test(what_is_no_file_is_not_replaced),
        cmocka_unit_test(what_is_aborted_leaves_no_trace),
        cmocka_unit_test(a_failed_write_keeps_the_old_file),
        cmocka_unit_test(places_that_cannot_be_written_are_named),
        cmocka_unit_test(permissions_follow_the_umask),
        cmocka_unit_test(directories_are_made_renamed_and_removed),
        cmocka_unit_test(paths_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
