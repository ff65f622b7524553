// Where an operation of a training step belongs: its stage and its phase. Kept
// in locations, which every lowering hands on, so that kernels still know it.
#ifndef VARVE_DIALECT_KERNEL_PLACE_H
#define VARVE_DIALECT_KERNEL_PLACE_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/Operation.h"

namespace varve {

/// "stage" or "phase" ("backward", "update") of what stands at `loc`; "" where
/// nothing is noted: outside of stages, in the forward pass.
inline llvm::StringRef placeOf(mlir::Location loc, llvm::StringRef key) {
  auto fused = llvm::dyn_cast<mlir::FusedLoc>(loc);
  auto known =
      fused ? llvm::dyn_cast_or_null<mlir::DictionaryAttr>(fused.getMetadata())
            : mlir::DictionaryAttr();
  auto value = known ? known.getAs<mlir::StringAttr>(key) : mlir::StringAttr();
  return value ? value.getValue() : llvm::StringRef();
}

/// Notes `key` of an operation and of all within it.
inline void markPlace(mlir::Operation *op, llvm::StringRef key,
                      llvm::StringRef value) {
  mlir::MLIRContext *context = op->getContext();
  op->walk([&](mlir::Operation *inner) {
    mlir::Location loc = inner->getLoc();
    mlir::NamedAttrList entries;
    if (auto fused = llvm::dyn_cast<mlir::FusedLoc>(loc))
      if (auto known = llvm::dyn_cast_or_null<mlir::DictionaryAttr>(
              fused.getMetadata())) {
        entries.append(known.getValue());
        loc = fused.getLocations().front();
      }
    entries.set(key, mlir::StringAttr::get(context, value));
    inner->setLoc(
        mlir::FusedLoc::get(context, {loc}, entries.getDictionary(context)));
  });
}

} // namespace varve
#endif
