// Memory operations on memrefs that are bare addresses.
#ifndef VARVE_LIB_CODEGEN_EMIT_LOWERMEMORY_H
#define VARVE_LIB_CODEGEN_EMIT_LOWERMEMORY_H

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/PatternMatch.h"

namespace varve {

/// memref and vector operations that touch memory, where the converter maps a
/// memref to the address of its first element. Strides must be static.
void populateMemoryLowering(const mlir::LLVMTypeConverter &types,
                            mlir::RewritePatternSet &patterns);

} // namespace varve
#endif
