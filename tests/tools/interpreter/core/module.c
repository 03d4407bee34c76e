#include "tests/tools/interpreter/core/module.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ZEROS_AFTER = 64, IDS = 1 << 20, MEMBERS = 1 << 12 };

bool module_fail(const Module *module, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(module->error, SHADER_ERROR, format, arguments);
    va_end(arguments);
    return false;
}

static const Id   no_id   = {.spec_id = -1, .binding = -1, .built_in = -1};
static const Type no_type = {0};

const Id *module_id(const Module *module, uint32_t id)
{
    return id < module->bound ? &module->ids[id] : &no_id;
}

const Type *module_type(const Module *module, uint32_t id)
{
    const Type *type = module_id(module, id)->is;
    return type ? type : &no_type;
}

const Type *module_value_type(const Module *module, uint32_t id)
{
    return module_type(module, module_id(module, id)->type);
}

uint32_t module_constant(const Module *module, uint32_t id)
{
    const uint32_t *value = module_id(module, id)->constant;
    return value ? value[0] : 0;
}

/* A string that begins at a word and ends within its instruction; NULL: it does not. */
static const char *string_at(const uint32_t *instruction, uint32_t word)
{
    const uint32_t count = instruction_count(instruction);
    if (word >= count || !memchr(&instruction[word], 0, 4 * (size_t)(count - word)))
        return NULL;
    return (const char *)&instruction[word];
}

static bool decorate(Module *module, const uint32_t *instruction)
{
    if (instruction_count(instruction) < 3 || instruction[1] >= module->bound)
        return true;
    Id            *id    = &module->ids[instruction[1]];
    const uint32_t value = instruction[3];
    switch (instruction[2]) {
    case DecorationSpecId: id->spec_id = value; break;
    case DecorationArrayStride: id->array_stride = value; break;
    case DecorationBuiltIn: id->built_in = value; break;
    case DecorationBinding: id->binding = value; break;
    case DecorationSet: id->set = value; break;
    default: break;
    }
    return true;
}

static bool decorate_member(Module *module, const uint32_t *instruction)
{
    if (instruction_count(instruction) < 5 || instruction[1] >= module->bound || instruction[3] != DecorationOffset)
        return true;
    Id *id = &module->ids[instruction[1]];
    if (instruction[2] >= MEMBERS)
        return module_fail(module, "%%%u has %u members or more", instruction[1], instruction[2]);
    if (!id->member_offsets) {
        id->member_offsets = malloc(MEMBERS * sizeof *id->member_offsets);
        if (!id->member_offsets)
            return module_fail(module, "out of memory");
        memset(id->member_offsets, 0xff, MEMBERS * sizeof *id->member_offsets);
    }
    id->member_offsets[instruction[2]] = instruction[4];
    return true;
}

/* One instruction outside functions. */
static bool declare(Module *module, const uint32_t *instruction, const char *entry, const ShaderConstant *constants,
                    size_t constant_count)
{
    const uint32_t code = instruction_code(instruction), count = instruction_count(instruction);
    char           name[48];
    switch (code) {
    case OpExtInstImport:
        if (count < 3 || !string_at(instruction, 2) || strcmp(string_at(instruction, 2), "GLSL.std.450") != 0)
            return module_fail(module, "a set of instructions that is not GLSL.std.450");
        module->glsl = instruction[1];
        return true;
    case OpEntryPoint:
        if (count >= 4 && string_at(instruction, 3) && strcmp(string_at(instruction, 3), entry) == 0) {
            if (instruction[1] != 5)
                return module_fail(module, "%s is not a compute shader", entry);
            module->entry = instruction[2];
        }
        return true;
    case OpName:
        if (count >= 3 && instruction[1] < module->bound)
            module->ids[instruction[1]].name = string_at(instruction, 2);
        return true;
    case OpDecorate:
    case OpDecorateId: return decorate(module, instruction);
    case OpMemberDecorate: return decorate_member(module, instruction);
    case OpExecutionMode: /* LocalSize */
        if (count >= 6 && instruction[2] == 17)
            memcpy(module->workgroup, &instruction[3], sizeof module->workgroup);
        return true;
    case OpNop:
    case OpSource:
    case OpSourceContinued:
    case OpSourceExtension:
    case OpMemberName:
    case OpString:
    case OpLine:
    case OpNoLine:
    case OpModuleProcessed:
    case OpExtension:
    case OpMemoryModel:
    case OpExecutionModeId: /* once constants are known */
    case OpCapability: return true;
    case OpTypeForwardPointer:
        if (count >= 3 && instruction[1] < module->bound)
            module->ids[instruction[1]].forward = instruction[2] == ClassPhysical;
        return true;
    case OpVariable: return true;
    case OpUndef: return true;
    default: break;
    }
    if ((code >= OpTypeVoid && code <= OpTypeFunction) || code == OpTypeCooperativeMatrixKHR ||
        code == OpTypeTensorLayoutNV || code == OpTypeTensorViewNV)
        return module_declare_type(module, instruction);
    if (code >= OpConstantTrue && code <= OpSpecConstantOp)
        return module_declare_constant(module, instruction, constants, constant_count);
    return module_fail(module, "%s is not known (outside functions)", opcode_name(code, name));
}

/* Where an instruction names its result and its type. */
static bool enter_result(Module *module, const uint32_t *instruction)
{
    const uint32_t code = instruction_code(instruction), count = instruction_count(instruction);
    uint32_t       result = 0, type = 0;
    if (code == OpTypeForwardPointer || (code >= OpSource && code <= OpLine) || code == OpExtension || count < 2)
        return true;
    if (code == OpExtInstImport || (code >= OpTypeVoid && code <= OpTypeFunction) || code == OpLabel ||
        code == OpTypeCooperativeMatrixKHR || code == OpTypeTensorLayoutNV || code == OpTypeTensorViewNV) {
        result = instruction[1];
    } else {
        switch (code) { /* those without a result */
        case OpMemoryModel:
        case OpEntryPoint:
        case OpExecutionMode:
        case OpExecutionModeId:
        case OpCapability:
        case OpStore:
        case OpCopyMemory:
        case OpDecorate:
        case OpMemberDecorate:
        case OpDecorateId:
        case OpControlBarrier:
        case OpMemoryBarrier:
        case OpAtomicStore:
        case OpLoopMerge:
        case OpSelectionMerge:
        case OpBranch:
        case OpBranchConditional:
        case OpSwitch:
        case OpReturnValue:
        case OpImageWrite:
        case OpModuleProcessed:
        case OpCooperativeMatrixStoreKHR:
        case OpCooperativeMatrixStoreTensorNV: return true;
        default: break;
        }
        if (count < 3)
            return true;
        type   = instruction[1];
        result = instruction[2];
    }
    if (result >= module->bound)
        return true;
    if (module->ids[result].definition)
        return module_fail(module, "%%%u is defined twice", result);
    module->ids[result].definition = instruction;
    module->ids[result].type       = type;
    return true;
}

static bool set_workgroup(Module *module)
{
    for (size_t at = MODULE_HEADER; at < module->functions; at += instruction_count(&module->words[at])) {
        const uint32_t *mode = &module->words[at];
        if (instruction_code(mode) == OpExecutionModeId && instruction_count(mode) >= 6 && mode[2] == 38)
            for (int axis = 0; axis < 3; axis++)
                module->workgroup[axis] = module_constant(module, mode[3 + axis]);
    }
    for (uint32_t i = 0; i < module->bound; i++) /* what is so decorated goes before the modes */
        if (module->ids[i].built_in == BuiltInWorkgroupSize && module->ids[i].constant &&
            module_value_type(module, i)->words == 3)
            memcpy(module->workgroup, module->ids[i].constant, sizeof module->workgroup);
    const uint64_t size = (uint64_t)module->workgroup[0] * module->workgroup[1] * module->workgroup[2];
    if (size == 0 || size > 1024 || module->workgroup[0] > 1024 || module->workgroup[1] > 1024)
        return module_fail(module, "a workgroup of %u x %u x %u invocations", module->workgroup[0],
                           module->workgroup[1], module->workgroup[2]);
    return true;
}

bool module_parse(Module *module, const uint32_t *words, size_t count, const char *entry,
                  const ShaderConstant *constants, size_t constant_count)
{
    if (count < MODULE_HEADER || words[0] != 0x07230203 || words[3] > IDS)
        return module_fail(module, "not a SPIR-V module");
    module->words = calloc(count + ZEROS_AFTER, sizeof *words);
    module->bound = words[3];
    module->ids   = calloc((size_t)module->bound + 1, sizeof *module->ids);
    if (!module->words || !module->ids)
        return module_fail(module, "out of memory");
    memcpy(module->words, words, count * sizeof *words);
    module->count     = count;
    module->functions = count;
    for (uint32_t i = 0; i < module->bound; i++)
        module->ids[i] = no_id;
    for (size_t at = MODULE_HEADER; at < count; at += instruction_count(&module->words[at])) {
        const uint32_t *instruction = &module->words[at];
        if (instruction_count(instruction) == 0 || instruction_count(instruction) > count - at)
            return module_fail(module, "the instruction at word %zu does not end within the module", at);
        if (instruction_code(instruction) == OpFunction && module->functions == count)
            module->functions = at;
        if (!enter_result(module, instruction))
            return false;
        if (at < module->functions && !declare(module, instruction, entry, constants, constant_count))
            return false;
    }
    if (!module->entry)
        return module_fail(module, "no entry point is called %s", entry);
    return set_workgroup(module);
}

void module_free(Module *module)
{
    for (uint32_t i = 0; module->ids && i < module->bound; i++) {
        Id *id = &module->ids[i];
        if (id->is) {
            free(id->is->members);
            free(id->is->offsets);
        }
        free(id->is);
        free(id->constant);
        free(id->member_offsets);
    }
    free(module->ids);
    free(module->words);
    module->ids   = NULL;
    module->words = NULL;
}
