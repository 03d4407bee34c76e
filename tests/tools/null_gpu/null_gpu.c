/* The cards, their file, and what every kernel driver answers alike. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/tools/null_gpu/null_gpu.h"

#define GIB (UINT64_C(1) << 30)

static const NullCard cards[] = {
    {"skl", "i915", 0x1912, 6, 9, 0, 3, 8, 0},                      /* Skylake GT2, UHD 530      */
    {"icl", "i915", 0x8a52, 7, 11, 0, 8, 8, 0},                     /* Ice Lake                  */
    {"tgl", "i915", 0x9a49, 1, 12, 0, 6, 16, 0},                    /* Tiger Lake GT2, Iris Xe   */
    {"dg2", "i915", 0x56a0, 8, 12, 55, 32, 16, 16 * GIB},           /* Arc A770                  */
    {"mtl", "i915", 0x7d55, 4, 12, 71, 8, 16, 0},                   /* Meteor Lake               */
    {"arl", "i915", 0x7d51, 6, 12, 74, 8, 16, 0},                   /* Arrow Lake H              */
    {"lnl", "xe", 0x64a0, 6, 20, 4, 8, 8, 0},                       /* Lunar Lake, Arc 140V      */
    {"bmg", "xe", 0xe20b, 6, 20, 1, 20, 8, 12 * GIB},               /* Battlemage, Arc B580      */
    {"ptl", "xe", 0xb080, 6, 30, 0, 12, 8, 0},                      /* Panther Lake              */
    {"polaris10", "amdgpu", 0x67df, 0xe7, 8, 0, 36, 4, 8 * GIB},    /* Radeon RX 480             */
    {"vega10", "amdgpu", 0x687f, 0xc1, 9, 0, 64, 4, 8 * GIB},       /* Radeon RX Vega 64         */
    {"navi10", "amdgpu", 0x731f, 0xc1, 10, 1, 40, 2, 8 * GIB},      /* Radeon RX 5700 XT         */
    {"navi21", "amdgpu", 0x73bf, 0xc1, 10, 3, 80, 4, 16 * GIB},     /* Radeon RX 6900 XT         */
    {"navi31", "amdgpu", 0x744c, 0xc8, 11, 0, 96, 6, 24 * GIB},     /* Radeon RX 7900 XTX        */
    {"navi33", "amdgpu", 0x7480, 0xcf, 11, 0, 32, 2, 8 * GIB},      /* Radeon RX 7600            */
    {"strix1", "amdgpu", 0x150e, 0xd1, 11, 5, 16, 1, GIB},          /* Radeon 890M               */
    {"gfx1201", "amdgpu", 0x7550, 0xc0, 12, 0, 64, 4, 16 * GIB},    /* Radeon RX 9070 XT         */
    {"tu102", "nouveau", 0x1e04, 0xa1, 0x162, 0, 34, 6, 11 * GIB},  /* GeForce RTX 2080 Ti       */
    {"ga102", "nouveau", 0x2204, 0xa1, 0x172, 0, 41, 7, 24 * GIB},  /* GeForce RTX 3090          */
    {"ad102", "nouveau", 0x2684, 0xa1, 0x192, 0, 64, 11, 24 * GIB}, /* GeForce RTX 4090          */
    {"gh100", "nouveau", 0x2330, 0xa1, 0x180, 0, 66, 8, 80 * GIB},  /* H100                      */
    {"gb202", "nouveau", 0x2b85, 0xa1, 0x1b2, 0, 85, 11, 32 * GIB}, /* GeForce RTX 5090          */
};

typedef struct Buffer {
    uint64_t offset, bytes; /* bytes 0: free */
} Buffer;

enum { PAGE = 65536, MAX_BUFFERS = 1 << 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int             file = -1; /* what stands for the card: its buffers one after another */
static uint64_t        file_bytes;
static Buffer          buffers[MAX_BUFFERS];
static uint32_t        last_id;

const NullCard *null_card(void)
{
    const char *name = getenv("NULL_GPU");
    for (size_t i = 0; name != NULL && i < sizeof cards / sizeof cards[0]; i++) {
        if (strcmp(cards[i].name, name) == 0) {
            return &cards[i];
        }
    }
    return NULL;
}

/* A descriptor of the card's file; -1 and errno where it cannot be had. */
static int open_card(int flags)
{
    pthread_mutex_lock(&lock);
    if (file < 0) {
        file = memfd_create("null_gpu", MFD_CLOEXEC);
    }
    const int fd = file < 0 ? -1 : fcntl(file, (flags & O_CLOEXEC) != 0 ? F_DUPFD_CLOEXEC : F_DUPFD, 3);
    pthread_mutex_unlock(&lock);
    return fd;
}

uint32_t null_buffer_new(uint64_t bytes)
{
    uint32_t handle = 0;
    pthread_mutex_lock(&lock);
    for (uint32_t i = 1; i < MAX_BUFFERS && handle == 0; i++) {
        handle = buffers[i].bytes == 0 ? i : 0;
    }
    bytes = (bytes + PAGE - 1) / PAGE * PAGE;
    if (handle != 0 && bytes > 0 && ftruncate(file, (off_t)(file_bytes + bytes)) == 0) {
        buffers[handle] = (Buffer){.offset = file_bytes, .bytes = bytes};
        file_bytes += bytes;
    } else {
        handle = 0;
    }
    pthread_mutex_unlock(&lock);
    return handle;
}

void null_buffer_free(uint32_t handle)
{
    pthread_mutex_lock(&lock);
    if (handle < MAX_BUFFERS && buffers[handle].bytes > 0) {
        fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)buffers[handle].offset,
                  (off_t)buffers[handle].bytes);
        buffers[handle].bytes = 0;
    }
    pthread_mutex_unlock(&lock);
}

uint64_t null_buffer_offset(uint32_t handle)
{
    pthread_mutex_lock(&lock);
    const uint64_t offset = handle < MAX_BUFFERS && buffers[handle].bytes > 0 ? buffers[handle].offset : UINT64_MAX;
    pthread_mutex_unlock(&lock);
    return offset;
}

uint32_t null_id_new(void)
{
    pthread_mutex_lock(&lock);
    const uint32_t id = ++last_id;
    pthread_mutex_unlock(&lock);
    return id;
}

int null_answer(const void *answer, uint32_t bytes, void *to, uint32_t *size)
{
    if (*size == 0) {
        *size = bytes;
        return 0;
    }
    if (*size < bytes || to == NULL) {
        return EINVAL;
    }
    memcpy(to, answer, bytes);
    *size = bytes;
    return 0;
}

/* --- requests that every kernel driver answers ------------------------------ */

enum {
    DRM_VERSION              = 0x00,
    DRM_GET_CLIENT           = 0x05,
    DRM_GEM_CLOSE            = 0x09,
    DRM_GET_CAP              = 0x0c,
    DRM_PRIME_HANDLE_TO_FD   = 0x2d,
    DRM_FIRST_OF_DRIVER      = 0x40,
    DRM_END_OF_DRIVER        = 0xa0,
    DRM_SYNCOBJ_CREATE       = 0xbf,
    DRM_SYNCOBJ_DESTROY      = 0xc0,
    DRM_SYNCOBJ_HANDLE_TO_FD = 0xc1,
    DRM_SYNCOBJ_FD_TO_HANDLE = 0xc2,
    DRM_SYNCOBJ_QUERY        = 0xcb,
    DRM_CAP_SYNCOBJ          = 0x13,
    DRM_CAP_SYNCOBJ_TIMELINE = 0x14,
    DRM_IOCTL_TYPE           = 'd',
};

typedef struct Version {
    int    major, minor, patch;
    size_t name_length;
    char  *name;
    size_t date_length;
    char  *date;
    size_t text_length;
    char  *text;
} Version;

typedef struct Client {
    int      index, authenticated;
    uint64_t process, user, magic, requests;
} Client;

typedef struct Handle {
    uint32_t handle, flags;
    int32_t  fd;
} Handle;

typedef struct Capability {
    uint64_t capability, value;
} Capability;

typedef struct Timelines {
    uint64_t handles, points;
    uint32_t count, flags;
} Timelines;

/* As the kernel does: it copies what fits, and always says how long the text is. */
static void give_text(const char *text, char *to, size_t *length)
{
    const size_t all = strlen(text);
    if (to != NULL) {
        memcpy(to, text, *length < all ? *length : all);
    }
    *length = all;
}

static int any_request(const NullCard *card, unsigned number, void *request)
{
    Handle *handle = request;
    switch (number) {
    case DRM_VERSION: {
        Version   *version = request;
        const bool is_amd  = strcmp(card->kernel, "amdgpu") == 0;
        version->major     = is_amd ? 3 : 1;
        version->minor     = is_amd ? 64 : 6;
        version->patch     = 0;
        give_text(card->kernel, version->name, &version->name_length);
        give_text("20250101", version->date, &version->date_length);
        give_text("null_gpu", version->text, &version->text_length);
        return 0;
    }
    case DRM_GET_CLIENT: ((Client *)request)->authenticated = 1; return 0;
    case DRM_GEM_CLOSE: null_buffer_free(handle->handle); return 0;
    case DRM_GET_CAP: {
        Capability *asked = request;
        asked->value      = asked->capability == DRM_CAP_SYNCOBJ || asked->capability == DRM_CAP_SYNCOBJ_TIMELINE;
        return 0;
    }
    case DRM_SYNCOBJ_CREATE:
    case DRM_SYNCOBJ_FD_TO_HANDLE: handle->handle = null_id_new(); return 0;
    case DRM_PRIME_HANDLE_TO_FD:
    case DRM_SYNCOBJ_HANDLE_TO_FD: handle->fd = open_card(O_CLOEXEC); return handle->fd < 0 ? errno : 0;
    case DRM_SYNCOBJ_QUERY: {
        /* Everything is finished already. */
        const Timelines *asked = request;
        memset((void *)(uintptr_t)asked->points, 0x7f, asked->count * sizeof(uint64_t));
        return 0;
    }
    default: return number >= DRM_SYNCOBJ_DESTROY ? 0 : EINVAL;
    }
}

static int answer(const NullCard *card, unsigned number, void *request, size_t bytes)
{
    if (number < DRM_FIRST_OF_DRIVER || number >= DRM_END_OF_DRIVER) {
        return any_request(card, number, request);
    }
    number -= DRM_FIRST_OF_DRIVER;
    if (strcmp(card->kernel, "amdgpu") == 0) {
        return amdgpu_request(card, number, request, bytes);
    }
    if (strcmp(card->kernel, "nouveau") == 0) {
        return nouveau_request(card, number, request, bytes);
    }
    return strcmp(card->kernel, "xe") == 0 ? xe_request(card, number, request) : i915_request(card, number, request);
}

/* --- in place of the C library's -------------------------------------------- */

int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    const NullCard *card = null_card();
    if (_IOC_TYPE(request) != DRM_IOCTL_TYPE || card == NULL) {
        return (int)syscall(SYS_ioctl, fd, request, argument);
    }
    const int failure = answer(card, _IOC_NR(request), argument, _IOC_SIZE(request));
    if (getenv("NULL_GPU_TRACE") != NULL) {
        dprintf(2, "null_gpu: request 0x%02x, %d bytes: %s\n", (unsigned)_IOC_NR(request), (int)_IOC_SIZE(request),
                failure == 0 ? "answered" : strerror(failure));
    }
    if (failure != 0) {
        errno = failure;
        return -1;
    }
    return 0;
}

static int open_any(const char *path, int flags, mode_t mode)
{
    if (null_card() != NULL && strcmp(path, null_render_path) == 0) {
        return open_card(flags);
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
    va_end(list);
    return open_any(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
    va_end(list);
    return open_any(path, flags | O_LARGEFILE, mode);
}
