/* Command buffers: a list of what was recorded. */
#include <stdlib.h>
#include <string.h>

#include "tests/tools/interpreter/vk_driver.h"

/* --- their life ------------------------------------------------------------------------------------------------- */

void driver_commands_clear(Commands *commands)
{
    for (size_t i = 0; i < commands->count; i++) {
        if (commands->list[i].kind == COMMAND_WRITE) {
            free(commands->list[i].fill.data);
        }
    }
    commands->count         = 0;
    commands->out_of_memory = false;
    commands->pipeline      = NULL;
    commands->set           = NULL;
    memset(commands->push, 0xff, sizeof commands->push); /* what is not pushed is anybody's guess */
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkCreateCommandPool(VkDevice device, const VkCommandPoolCreateInfo *info,
                                                                 const VkAllocationCallbacks *callbacks,
                                                                 VkCommandPool               *pool)
{
    CommandPool *made = calloc(1, sizeof *made);
    (void)device, (void)info, (void)callbacks;
    *pool = HANDLE(VkCommandPool, made);
    return made != NULL ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkResetCommandPool(VkDevice device, VkCommandPool pool,
                                                                VkCommandPoolResetFlags flags)
{
    (void)device, (void)flags;
    for (Commands *c = OBJECT(CommandPool, pool)->all; c != NULL; c = c->next) {
        driver_commands_clear(c);
    }
    return VK_SUCCESS;
}

static void commands_free(Commands *commands)
{
    driver_commands_clear(commands);
    free(commands->list);
    free(commands);
}

static VKAPI_ATTR void VKAPI_CALL driver_vkDestroyCommandPool(VkDevice device, VkCommandPool pool,
                                                              const VkAllocationCallbacks *callbacks)
{
    CommandPool *p = OBJECT(CommandPool, pool);
    (void)device, (void)callbacks;
    for (Commands *c = p != NULL ? p->all : NULL, *next; c != NULL; c = next) {
        next = c->next;
        commands_free(c);
    }
    free(p);
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkAllocateCommandBuffers(VkDevice                           device,
                                                                      const VkCommandBufferAllocateInfo *info,
                                                                      VkCommandBuffer                   *buffers)
{
    CommandPool *pool = OBJECT(CommandPool, info->commandPool);
    (void)device;
    for (uint32_t i = 0; i < info->commandBufferCount; i++) {
        Commands *made = calloc(1, sizeof *made);
        if (made == NULL) {
            return VK_ERROR_OUT_OF_HOST_MEMORY;
        }
        set_loader_magic_value(made);
        made->next = pool->all;
        pool->all  = made;
        buffers[i] = HANDLE(VkCommandBuffer, made);
    }
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkFreeCommandBuffers(VkDevice device, VkCommandPool pool, uint32_t count,
                                                              const VkCommandBuffer *buffers)
{
    (void)device;
    for (uint32_t i = 0; i < count; i++) {
        Commands **at = &OBJECT(CommandPool, pool)->all;
        while (*at != NULL && *at != OBJECT(Commands, buffers[i])) {
            at = &(*at)->next;
        }
        if (*at != NULL) {
            Commands *found = *at;
            *at             = found->next;
            commands_free(found);
        }
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkBeginCommandBuffer(VkCommandBuffer                 buffer,
                                                                  const VkCommandBufferBeginInfo *info)
{
    (void)info;
    driver_commands_clear(OBJECT(Commands, buffer));
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkEndCommandBuffer(VkCommandBuffer buffer)
{
    return OBJECT(Commands, buffer)->out_of_memory ? VK_ERROR_OUT_OF_HOST_MEMORY : VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkResetCommandBuffer(VkCommandBuffer           buffer,
                                                                  VkCommandBufferResetFlags flags)
{
    (void)flags;
    driver_commands_clear(OBJECT(Commands, buffer));
    return VK_SUCCESS;
}

/* --- recording ---------------------------------------------------------------------------------------------- */

static Command *add(VkCommandBuffer buffer, CommandKind kind)
{
    Commands *commands = OBJECT(Commands, buffer);
    if (commands->count == commands->capacity) {
        const size_t capacity = 2 * commands->capacity + 16;
        Command     *grown    = realloc(commands->list, capacity * sizeof *grown);
        if (grown == NULL) {
            commands->out_of_memory = true;
            return NULL;
        }
        commands->list     = grown;
        commands->capacity = capacity;
    }
    Command *command = &commands->list[commands->count++];
    command->kind    = kind;
    return command;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkCmdBindPipeline(VkCommandBuffer buffer, VkPipelineBindPoint point,
                                                           VkPipeline pipeline)
{
    (void)point;
    OBJECT(Commands, buffer)->pipeline = OBJECT(Pipeline, pipeline);
}

static VKAPI_ATTR void VKAPI_CALL driver_vkCmdBindDescriptorSets(VkCommandBuffer buffer, VkPipelineBindPoint point,
                                                                 VkPipelineLayout layout, uint32_t first,
                                                                 uint32_t count, const VkDescriptorSet *sets,
                                                                 uint32_t offset_count, const uint32_t *offsets)
{
    (void)point, (void)layout, (void)offset_count, (void)offsets;
    if (first == 0 && count > 0) { /* there is one (maxBoundDescriptorSets) */
        OBJECT(Commands, buffer)->set = OBJECT(Set, sets[0]);
    }
}

static VKAPI_ATTR void VKAPI_CALL driver_vkCmdPushConstants(VkCommandBuffer buffer, VkPipelineLayout layout,
                                                            VkShaderStageFlags stages, uint32_t offset, uint32_t size,
                                                            const void *values)
{
    (void)layout, (void)stages;
    if (offset <= DRIVER_PUSH_BYTES && size <= DRIVER_PUSH_BYTES - offset) {
        memcpy(OBJECT(Commands, buffer)->push + offset, values, size);
    }
}

static VKAPI_ATTR void VKAPI_CALL driver_vkCmdDispatchBase(VkCommandBuffer buffer, uint32_t base_x, uint32_t base_y,
                                                           uint32_t base_z, uint32_t x, uint32_t y, uint32_t z)
{
    const Commands *commands = OBJECT(Commands, buffer);
    Command        *command  = add(buffer, COMMAND_DISPATCH);
    if (command != NULL) {
        command->dispatch.pipeline = commands->pipeline;
        command->dispatch.set      = commands->set;
        memcpy(command->dispatch.base, (const uint32_t[3]){base_x, base_y, base_z}, sizeof command->dispatch.base);
        memcpy(command->dispatch.groups, (const uint32_t[3]){x, y, z}, sizeof command->dispatch.groups);
        memcpy(command->dispatch.push, commands->push, sizeof commands->push);
    }
}

static VKAPI_ATTR void VKAPI_CALL driver_vkCmdDispatch(VkCommandBuffer buffer, uint32_t x, uint32_t y, uint32_t z)
{
    driver_vkCmdDispatchBase(buffer, 0, 0, 0, x, y, z);
}

static VKAPI_ATTR void VKAPI_CALL driver_vkCmdCopyBuffer(VkCommandBuffer buffer, VkBuffer from, VkBuffer to,
                                                         uint32_t count, const VkBufferCopy *regions)
{
    for (uint32_t i = 0; i < count; i++) {
        Command *command = add(buffer, COMMAND_COPY);
        if (command != NULL) {
            command->copy.from        = OBJECT(Buffer, from);
            command->copy.to          = OBJECT(Buffer, to);
            command->copy.from_offset = regions[i].srcOffset;
            command->copy.to_offset   = regions[i].dstOffset;
            command->copy.bytes       = regions[i].size;
        }
    }
}

static VKAPI_ATTR void VKAPI_CALL driver_vkCmdFillBuffer(VkCommandBuffer buffer, VkBuffer to, VkDeviceSize offset,
                                                         VkDeviceSize size, uint32_t word)
{
    Command      *command = add(buffer, COMMAND_FILL);
    const Buffer *target  = OBJECT(Buffer, to);
    if (command != NULL) {
        command->fill.to     = target;
        command->fill.offset = offset;
        command->fill.bytes  = size == VK_WHOLE_SIZE ? (target->bytes - offset) & ~(uint64_t)3 : size;
        command->fill.word   = word;
    }
}

static VKAPI_ATTR void VKAPI_CALL driver_vkCmdUpdateBuffer(VkCommandBuffer buffer, VkBuffer to, VkDeviceSize offset,
                                                           VkDeviceSize size, const void *data)
{
    uint8_t *copy    = malloc(size);
    Command *command = copy != NULL ? add(buffer, COMMAND_WRITE) : NULL;
    if (command == NULL) {
        OBJECT(Commands, buffer)->out_of_memory = true;
        free(copy);
        return;
    }
    memcpy(copy, data, size);
    command->fill.to     = OBJECT(Buffer, to);
    command->fill.offset = offset;
    command->fill.bytes  = size;
    command->fill.data   = copy;
}

/* Whether it is of the right stages and accesses is for validation; between which commands there is none shows when
 * those run in another order. */
static VKAPI_ATTR void VKAPI_CALL driver_vkCmdPipelineBarrier(VkCommandBuffer buffer, VkPipelineStageFlags from,
                                                              VkPipelineStageFlags to, VkDependencyFlags flags,
                                                              uint32_t count, const VkMemoryBarrier *barriers,
                                                              uint32_t                     buffer_count,
                                                              const VkBufferMemoryBarrier *buffers,
                                                              uint32_t image_count, const VkImageMemoryBarrier *images)
{
    add(buffer, COMMAND_BARRIER);
    (void)from, (void)to, (void)flags, (void)count, (void)barriers, (void)buffer_count, (void)buffers,
        (void)image_count, (void)images;
}

static void add_times(VkCommandBuffer buffer, CommandKind kind, VkQueryPool queries, uint32_t first, uint32_t count)
{
    Command *command = add(buffer, kind);
    if (command != NULL) {
        command->times.queries = OBJECT(Queries, queries);
        command->times.first   = first;
        command->times.count   = count;
    }
}

static VKAPI_ATTR void VKAPI_CALL driver_vkCmdResetQueryPool(VkCommandBuffer buffer, VkQueryPool queries,
                                                             uint32_t first, uint32_t count)
{
    add_times(buffer, COMMAND_RESET, queries, first, count);
}

static VKAPI_ATTR void VKAPI_CALL driver_vkCmdWriteTimestamp(VkCommandBuffer buffer, VkPipelineStageFlagBits stage,
                                                             VkQueryPool queries, uint32_t query)
{
    (void)stage;
    add_times(buffer, COMMAND_TIME, queries, query, 1);
}

Functions driver_commands(void)
{
    static const Function rows[] = {
        FUNCTION(vkCreateCommandPool),      FUNCTION(vkResetCommandPool),   FUNCTION(vkDestroyCommandPool),
        FUNCTION(vkAllocateCommandBuffers), FUNCTION(vkFreeCommandBuffers), FUNCTION(vkBeginCommandBuffer),
        FUNCTION(vkEndCommandBuffer),       FUNCTION(vkResetCommandBuffer), FUNCTION(vkCmdBindPipeline),
        FUNCTION(vkCmdBindDescriptorSets),  FUNCTION(vkCmdPushConstants),   FUNCTION(vkCmdDispatch),
        FUNCTION(vkCmdDispatchBase),        FUNCTION(vkCmdCopyBuffer),      FUNCTION(vkCmdFillBuffer),
        FUNCTION(vkCmdUpdateBuffer),        FUNCTION(vkCmdPipelineBarrier), FUNCTION(vkCmdResetQueryPool),
        FUNCTION(vkCmdWriteTimestamp)};
    return (Functions){rows, sizeof rows / sizeof *rows};
}
