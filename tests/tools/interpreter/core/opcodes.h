/* SPIR-V by number and name: instructions, and functions of GLSL.std.450. */
#ifndef TESTS_TOOLS_INTERPRETER_OPCODES_H
#define TESTS_TOOLS_INTERPRETER_OPCODES_H

#include <stdint.h>

/* clang-format off */
#define OPCODES(X)                                                                                                    \
    X(Nop, 0) X(Undef, 1) X(SourceContinued, 2) X(Source, 3) X(SourceExtension, 4) X(Name, 5) X(MemberName, 6)        \
    X(String, 7) X(Line, 8) X(Extension, 10) X(ExtInstImport, 11) X(ExtInst, 12) X(MemoryModel, 14)                   \
    X(EntryPoint, 15) X(ExecutionMode, 16) X(Capability, 17) X(TypeVoid, 19) X(TypeBool, 20) X(TypeInt, 21)           \
    X(TypeFloat, 22) X(TypeVector, 23) X(TypeMatrix, 24) X(TypeImage, 25) X(TypeSampler, 26) X(TypeSampledImage, 27)  \
    X(TypeArray, 28) X(TypeRuntimeArray, 29) X(TypeStruct, 30) X(TypePointer, 32) X(TypeFunction, 33)                 \
    X(TypeForwardPointer, 39) X(ConstantTrue, 41) X(ConstantFalse, 42) X(Constant, 43) X(ConstantComposite, 44)       \
    X(ConstantNull, 46) X(SpecConstantTrue, 48) X(SpecConstantFalse, 49) X(SpecConstant, 50)                          \
    X(SpecConstantComposite, 51) X(SpecConstantOp, 52) X(Function, 54) X(FunctionParameter, 55) X(FunctionEnd, 56)    \
    X(FunctionCall, 57) X(Variable, 59) X(ImageTexelPointer, 60) X(Load, 61) X(Store, 62) X(CopyMemory, 63)           \
    X(AccessChain, 65) X(InBoundsAccessChain, 66) X(PtrAccessChain, 67) X(ArrayLength, 68) X(Decorate, 71)            \
    X(MemberDecorate, 72) X(DecorationGroup, 73) X(GroupDecorate, 74) X(VectorExtractDynamic, 77)                     \
    X(VectorInsertDynamic, 78) X(VectorShuffle, 79) X(CompositeConstruct, 80) X(CompositeExtract, 81)                 \
    X(CompositeInsert, 82) X(CopyObject, 83) X(Transpose, 84) X(SampledImage, 86) X(ImageFetch, 95) X(ImageRead, 98)  \
    X(ImageWrite, 99) X(Image, 100) X(ImageQuerySize, 104) X(ConvertFToU, 109) X(ConvertFToS, 110)                    \
    X(ConvertSToF, 111) X(ConvertUToF, 112) X(UConvert, 113) X(SConvert, 114) X(FConvert, 115) X(QuantizeToF16, 116)  \
    X(ConvertPtrToU, 117) X(ConvertUToPtr, 120) X(Bitcast, 124) X(SNegate, 126) X(FNegate, 127) X(IAdd, 128)          \
    X(FAdd, 129) X(ISub, 130) X(FSub, 131) X(IMul, 132) X(FMul, 133) X(UDiv, 134) X(SDiv, 135) X(FDiv, 136)           \
    X(UMod, 137) X(SRem, 138) X(SMod, 139) X(FRem, 140) X(FMod, 141) X(VectorTimesScalar, 142)                        \
    X(MatrixTimesScalar, 143) X(VectorTimesMatrix, 144) X(MatrixTimesVector, 145) X(MatrixTimesMatrix, 146)           \
    X(OuterProduct, 147) X(Dot, 148) X(IAddCarry, 149) X(ISubBorrow, 150) X(UMulExtended, 151) X(SMulExtended, 152)   \
    X(Any, 154) X(All, 155) X(IsNan, 156) X(IsInf, 157) X(LogicalEqual, 164) X(LogicalNotEqual, 165)                  \
    X(LogicalOr, 166) X(LogicalAnd, 167) X(LogicalNot, 168) X(Select, 169) X(IEqual, 170) X(INotEqual, 171)           \
    X(UGreaterThan, 172) X(SGreaterThan, 173) X(UGreaterThanEqual, 174) X(SGreaterThanEqual, 175) X(ULessThan, 176)   \
    X(SLessThan, 177) X(ULessThanEqual, 178) X(SLessThanEqual, 179) X(FOrdEqual, 180) X(FUnordEqual, 181)             \
    X(FOrdNotEqual, 182) X(FUnordNotEqual, 183) X(FOrdLessThan, 184) X(FUnordLessThan, 185) X(FOrdGreaterThan, 186)   \
    X(FUnordGreaterThan, 187) X(FOrdLessThanEqual, 188) X(FUnordLessThanEqual, 189) X(FOrdGreaterThanEqual, 190)      \
    X(FUnordGreaterThanEqual, 191) X(ShiftRightLogical, 194) X(ShiftRightArithmetic, 195) X(ShiftLeftLogical, 196)    \
    X(BitwiseOr, 197) X(BitwiseXor, 198) X(BitwiseAnd, 199) X(Not, 200) X(BitFieldInsert, 201)                        \
    X(BitFieldSExtract, 202) X(BitFieldUExtract, 203) X(BitReverse, 204) X(BitCount, 205) X(ControlBarrier, 224)      \
    X(MemoryBarrier, 225) X(AtomicLoad, 227) X(AtomicStore, 228) X(AtomicExchange, 229)                               \
    X(AtomicCompareExchange, 230) X(AtomicIIncrement, 232) X(AtomicIDecrement, 233) X(AtomicIAdd, 234)                \
    X(AtomicISub, 235) X(AtomicSMin, 236) X(AtomicUMin, 237) X(AtomicSMax, 238) X(AtomicUMax, 239) X(AtomicAnd, 240)  \
    X(AtomicOr, 241) X(AtomicXor, 242) X(Phi, 245) X(LoopMerge, 246) X(SelectionMerge, 247) X(Label, 248)             \
    X(Branch, 249) X(BranchConditional, 250) X(Switch, 251) X(Kill, 252) X(Return, 253) X(ReturnValue, 254)           \
    X(Unreachable, 255) X(NoLine, 317) X(ModuleProcessed, 330) X(ExecutionModeId, 331) X(DecorateId, 332)             \
    X(GroupNonUniformElect, 333) X(GroupNonUniformAll, 334) X(GroupNonUniformAny, 335)                                \
    X(GroupNonUniformAllEqual, 336) X(GroupNonUniformBroadcast, 337) X(GroupNonUniformBroadcastFirst, 338)            \
    X(GroupNonUniformBallot, 339) X(GroupNonUniformInverseBallot, 340) X(GroupNonUniformBallotBitExtract, 341)        \
    X(GroupNonUniformBallotBitCount, 342) X(GroupNonUniformBallotFindLSB, 343) X(GroupNonUniformBallotFindMSB, 344)   \
    X(GroupNonUniformShuffle, 345) X(GroupNonUniformShuffleXor, 346) X(GroupNonUniformShuffleUp, 347)                 \
    X(GroupNonUniformShuffleDown, 348) X(GroupNonUniformIAdd, 349) X(GroupNonUniformFAdd, 350)                        \
    X(GroupNonUniformIMul, 351) X(GroupNonUniformFMul, 352) X(GroupNonUniformSMin, 353) X(GroupNonUniformUMin, 354)   \
    X(GroupNonUniformFMin, 355) X(GroupNonUniformSMax, 356) X(GroupNonUniformUMax, 357) X(GroupNonUniformFMax, 358)   \
    X(GroupNonUniformBitwiseAnd, 359) X(GroupNonUniformBitwiseOr, 360) X(GroupNonUniformBitwiseXor, 361)              \
    X(GroupNonUniformQuadBroadcast, 365) X(GroupNonUniformQuadSwap, 366) X(CopyLogical, 400)                          \
    X(TypeCooperativeMatrixKHR, 4456) X(CooperativeMatrixLoadKHR, 4457) X(CooperativeMatrixStoreKHR, 4458)            \
    X(CooperativeMatrixMulAddKHR, 4459) X(CooperativeMatrixLengthKHR, 4460) X(CompositeConstructReplicateEXT, 4463)   \
    X(CooperativeMatrixConvertNV, 5293) X(CooperativeMatrixReduceNV, 5366) X(CooperativeMatrixLoadTensorNV, 5367)     \
    X(CooperativeMatrixStoreTensorNV, 5368) X(CooperativeMatrixPerElementOpNV, 5369) X(TypeTensorLayoutNV, 5370)      \
    X(TypeTensorViewNV, 5371) X(CreateTensorLayoutNV, 5372) X(TensorLayoutSetDimensionNV, 5373)                       \
    X(TensorLayoutSetStrideNV, 5374) X(TensorLayoutSliceNV, 5375) X(TensorLayoutSetClampValueNV, 5376)                \
    X(CreateTensorViewNV, 5377) X(TensorViewSetDimensionNV, 5378) X(TensorViewSetStrideNV, 5379)                      \
    X(TensorViewSetClipNV, 5382) X(TensorLayoutSetBlockSizeNV, 5384) X(CooperativeMatrixTransposeNV, 5390)            \
    X(AtomicFAddEXT, 6035)

#define GLSL_FUNCTIONS(X)                                                                                             \
    X(Round, 1) X(RoundEven, 2) X(Trunc, 3) X(FAbs, 4) X(SAbs, 5) X(FSign, 6) X(SSign, 7) X(Floor, 8) X(Ceil, 9)      \
    X(Fract, 10) X(Sin, 13) X(Cos, 14) X(Tan, 15) X(Tanh, 21) X(Pow, 26) X(Exp, 27) X(Log, 28) X(Exp2, 29)            \
    X(Log2, 30) X(Sqrt, 31) X(InverseSqrt, 32) X(FMin, 37) X(UMin, 38) X(SMin, 39) X(FMax, 40) X(UMax, 41)            \
    X(SMax, 42) X(FClamp, 43) X(UClamp, 44) X(SClamp, 45) X(FMix, 46) X(Step, 48) X(Fma, 50) X(Ldexp, 53)             \
    X(PackHalf2x16, 58) X(UnpackHalf2x16, 62) X(FindILsb, 73) X(FindSMsb, 74) X(FindUMsb, 75) X(NMin, 79)             \
    X(NMax, 80) X(NClamp, 81)
/* clang-format on */

#define X(name, number) Op##name = number,
enum { OPCODES(X) };
#undef X
#define X(name, number) Glsl##name = 0x4000 + number, /* beside the opcodes, as a decoded instruction's code */
enum { GLSL_FUNCTIONS(X) GlslFirst = 0x4000 };
#undef X

enum { /* storage classes */
       ClassUniformConstant = 0,
       ClassInput           = 1,
       ClassUniform         = 2,
       ClassWorkgroup       = 4,
       ClassPrivate         = 6,
       ClassFunction        = 7,
       ClassPush            = 9,
       ClassStorage         = 12,
       ClassPhysical        = 5349
};
enum { /* decorations */
       DecorationSpecId      = 1,
       DecorationArrayStride = 6,
       DecorationBuiltIn     = 11,
       DecorationBinding     = 33,
       DecorationSet         = 34,
       DecorationOffset      = 35
};
enum { /* built-in inputs */
       BuiltInNumWorkgroups             = 24,
       BuiltInWorkgroupSize             = 25,
       BuiltInWorkgroupId               = 26,
       BuiltInLocalInvocationId         = 27,
       BuiltInGlobalInvocationId        = 28,
       BuiltInLocalInvocationIndex      = 29,
       BuiltInSubgroupSize              = 36,
       BuiltInNumSubgroups              = 38,
       BuiltInSubgroupId                = 40,
       BuiltInSubgroupLocalInvocationId = 41
};
enum { ScopeDevice = 1, ScopeWorkgroup = 2, ScopeSubgroup = 3 };
enum { SemanticsUniform = 0x40, SemanticsWorkgroup = 0x100 };

/* "OpIAdd", "GLSL.std.450 Exp"; "opcode 4711" of one that is not in the lists. The buffer is the caller's. */
const char *opcode_name(uint32_t code, char buffer[48]);

#endif
