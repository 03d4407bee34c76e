/* Bytes as the file of what was measured of a card's matrix products: what is read of it is written and read again
 * without a change, and all else is another device's or one line of error. */
#include "rlsp/train/kernel_times.h"
#include "tests/fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

/* The card that kernel_times_seeds.txt is of. */
static GpuInfo a_card(void)
{
    GpuInfo info   = gpu_info_typical((uint64_t)8 << 30);
    info.vendor_id = info.device_id = info.driver_id = 1;
    strcpy(info.name, "card");
    return info;
}

static void expect_same(const KernelTimes *a, const KernelTimes *b)
{
    require(a->measured == b->measured);
    for (int compute = 0; compute < COMPUTE_TYPES; compute++) {
        const MatmulProbe *x = &a->probes[compute], *y = &b->probes[compute];
        require(a->has[compute] == b->has[compute] && x->count == y->count && x->side == y->side);
        require(memcmp(x->chosen, y->chosen, sizeof x->chosen) == 0);
        for (int c = 0; c < MATMUL_CLASSES; c++) {
            require(!a->has[compute] || (x->chosen[c] >= 0 && x->chosen[c] < x->count));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char        path[100], again[100];
    static KernelTimes times, back;
    const GpuInfo      info  = a_card();
    Error              error = {0};
    if (path[0] == '\0') {
        scratch_path(path, "times.json");
        scratch_path(again, "again.json");
    }
    scratch_put(path, "w", data, size);
    for (int recorded = 0; recorded < 2; recorded++) {
        switch (kernel_times_read(path, &info, recorded, &times, &error)) {
        case KERNEL_TIMES_READ:
            require(kernel_times_write(again, &info, &times, &error) == STATUS_OK);
            require(kernel_times_read(again, &info, false, &back, &error) == KERNEL_TIMES_READ);
            expect_same(&times, &back);
            break;
        case KERNEL_TIMES_DAMAGED:
            require(error.text[0] != '\0' && strchr(error.text, '\n') == NULL);
            error = (Error){0};
            break;
        case KERNEL_TIMES_OTHER: break;
        case KERNEL_TIMES_NONE: abort();
        }
    }
    return 0;
}
