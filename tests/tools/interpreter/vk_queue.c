/* Submissions, fences and queries. */
#include <stdlib.h>
#include <string.h>

#include "tests/tools/interpreter/vk_driver.h"

/* --- submissions --------------------------------------------------------------------------------------------- */

/* What a call answers. */
static VkResult status_of(const Device *device)
{
    return device->lost ? VK_ERROR_DEVICE_LOST : VK_SUCCESS;
}

/* Runs what waits in a queue: others may be as late as they like. The device is locked; fences behind what it was lost
 * by are not signaled. */
static void run_queue(Queue *queue)
{
    for (size_t i = 0; i < queue->count && !queue->device->lost; i++) {
        if (queue->waiting[i].commands != NULL) {
            driver_execute(queue->device, queue->waiting[i].commands);
        }
        if (queue->waiting[i].fence != NULL && !queue->device->lost) {
            queue->waiting[i].fence->signaled = true;
        }
    }
    queue->count = 0;
}

static bool add(Queue *queue, Submission submission)
{
    if (queue->count == queue->capacity) {
        const size_t capacity = 2 * queue->capacity + 16;
        Submission  *grown    = realloc(queue->waiting, capacity * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        queue->waiting  = grown;
        queue->capacity = capacity;
    }
    queue->waiting[queue->count++] = submission;
    return true;
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkQueueSubmit(VkQueue queue, uint32_t count, const VkSubmitInfo *submits,
                                                           VkFence fence)
{
    Queue  *q      = OBJECT(Queue, queue);
    Device *device = q->device;
    pthread_mutex_lock(&device->lock);
    bool added = !device->lost;
    for (uint32_t i = 0; i < count; i++) { /* there are no semaphores */
        for (uint32_t j = 0; j < submits[i].commandBufferCount && added; j++) {
            added = add(q, (Submission){.commands = OBJECT(Commands, submits[i].pCommandBuffers[j])});
        }
    }
    if (fence != VK_NULL_HANDLE && added) {
        OBJECT(Fence, fence)->queue = q;
        added                       = add(q, (Submission){.fence = OBJECT(Fence, fence)});
    }
    if (added && !driver_options()->late) {
        run_queue(q);
    }
    const VkResult result = added || device->lost ? status_of(device) : VK_ERROR_OUT_OF_HOST_MEMORY;
    pthread_mutex_unlock(&device->lock);
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkQueueWaitIdle(VkQueue queue)
{
    Queue *q = OBJECT(Queue, queue);
    pthread_mutex_lock(&q->device->lock);
    run_queue(q);
    const VkResult result = status_of(q->device);
    pthread_mutex_unlock(&q->device->lock);
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkDeviceWaitIdle(VkDevice device)
{
    Device *d = OBJECT(Device, device);
    pthread_mutex_lock(&d->lock);
    for (int i = 0; i < QUEUES; i++) {
        run_queue(&d->queues[i]);
    }
    const VkResult result = status_of(d);
    pthread_mutex_unlock(&d->lock);
    return result;
}

/* Runs what a fence is behind. False: the device is lost. */
static bool run_fence(const Fence *fence)
{
    return fence->queue == NULL || driver_vkQueueWaitIdle(HANDLE(VkQueue, fence->queue)) == VK_SUCCESS;
}

enum { PATIENCE = 3 }; /* times that somebody asks in vain */

/* --- fences ------------------------------------------------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkCreateFence(VkDevice device, const VkFenceCreateInfo *info,
                                                           const VkAllocationCallbacks *callbacks, VkFence *fence)
{
    Fence *made = calloc(1, sizeof *made);
    (void)device, (void)callbacks;
    *fence = HANDLE(VkFence, made);
    if (made == NULL) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    made->signaled = (info->flags & VK_FENCE_CREATE_SIGNALED_BIT) != 0;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkDestroyFence(VkDevice device, VkFence fence,
                                                        const VkAllocationCallbacks *callbacks)
{
    (void)device, (void)callbacks;
    free(OBJECT(Fence, fence));
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkResetFences(VkDevice device, uint32_t count, const VkFence *fences)
{
    (void)device;
    for (uint32_t i = 0; i < count; i++) {
        *OBJECT(Fence, fences[i]) = (Fence){0};
    }
    return VK_SUCCESS;
}

/* Not yet, say the first answers; then it is done: somebody who only asks would wait for ever. */
static VKAPI_ATTR VkResult VKAPI_CALL driver_vkGetFenceStatus(VkDevice device, VkFence fence)
{
    Fence *asked = OBJECT(Fence, fence);
    (void)device;
    if (++asked->asked > PATIENCE && !run_fence(asked)) {
        return VK_ERROR_DEVICE_LOST;
    }
    return asked->signaled ? VK_SUCCESS : VK_NOT_READY;
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkWaitForFences(VkDevice device, uint32_t count, const VkFence *fences,
                                                             VkBool32 all, uint64_t timeout)
{
    bool every = true, any = false;
    (void)device, (void)timeout;
    for (uint32_t i = 0; i < count; i++) {
        if (!run_fence(OBJECT(Fence, fences[i]))) {
            return VK_ERROR_DEVICE_LOST;
        }
        every = every && OBJECT(Fence, fences[i])->signaled;
        any   = any || OBJECT(Fence, fences[i])->signaled;
    }
    return (all ? every : any) ? VK_SUCCESS : VK_TIMEOUT;
}

/* --- queries ----------------------------------------------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkCreateQueryPool(VkDevice device, const VkQueryPoolCreateInfo *info,
                                                               const VkAllocationCallbacks *callbacks,
                                                               VkQueryPool                 *pool)
{
    Queries *made = calloc(1, sizeof *made + info->queryCount * sizeof *made->at);
    (void)device, (void)callbacks;
    *pool = HANDLE(VkQueryPool, made);
    if (made == NULL) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    made->count = info->queryCount;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkDestroyQueryPool(VkDevice device, VkQueryPool pool,
                                                            const VkAllocationCallbacks *callbacks)
{
    (void)device, (void)callbacks;
    free(OBJECT(Queries, pool));
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkGetQueryPoolResults(VkDevice device, VkQueryPool pool, uint32_t first,
                                                                   uint32_t count, size_t size, void *data,
                                                                   VkDeviceSize stride, VkQueryResultFlags flags)
{
    const Queries *queries = OBJECT(Queries, pool);
    VkResult       result  = VK_SUCCESS;
    (void)size;
    if ((flags & VK_QUERY_RESULT_WAIT_BIT) != 0 && driver_vkDeviceWaitIdle(device) != VK_SUCCESS) {
        return VK_ERROR_DEVICE_LOST;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t ticks  = queries->at[first + i].ticks;
        const uint32_t narrow = (uint32_t)ticks;
        const bool     wide   = (flags & VK_QUERY_RESULT_64_BIT) != 0;
        if (!queries->at[first + i].there) {
            result = VK_NOT_READY;
            continue;
        }
        memcpy((uint8_t *)data + i * stride, wide ? (const void *)&ticks : (const void *)&narrow, wide ? 8 : 4);
    }
    return result;
}

Functions driver_queues(void)
{
    static const Function rows[] = {
        FUNCTION(vkQueueSubmit),      FUNCTION(vkQueueWaitIdle),      FUNCTION(vkDeviceWaitIdle),
        FUNCTION(vkCreateFence),      FUNCTION(vkDestroyFence),       FUNCTION(vkResetFences),
        FUNCTION(vkGetFenceStatus),   FUNCTION(vkWaitForFences),      FUNCTION(vkCreateQueryPool),
        FUNCTION(vkDestroyQueryPool), FUNCTION(vkGetQueryPoolResults)};
    return (Functions){rows, sizeof rows / sizeof *rows};
}
