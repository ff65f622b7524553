// RUN: varve-opt %s --varve-plan-memory | FileCheck %s

// Two stages, whose calls say in their locations where they belong. a is kept
// for the backward pass of the first, b for that of the second: 448 and 832
// bytes with the alignment, never at once.
kernel.def @map ins = 1 {
^bb0(%x: tensor<100xf32>, %o: tensor<100xf32>):
  kernel.yield %x : tensor<100xf32>
}
kernel.def @wide ins = 1 {
^bb0(%x: tensor<200xf32>, %o: tensor<200xf32>):
  kernel.yield %x : tensor<200xf32>
}
// CHECK-LABEL: func.func @step
// CHECK-SAME:    varve.memory = {peak_activation_bytes = 832 : i64, phases = [
// CHECK-SAME:      {activation_bytes = 448 : i64, live_bytes = 448 : i64, phase = "forward", stage = "one"}
// CHECK-SAME:      {activation_bytes = 448 : i64, live_bytes = 896 : i64, phase = "backward", stage = "one"}
// CHECK-SAME:      {activation_bytes = 0 : i64, live_bytes = 448 : i64, phase = "update", stage = "one"}
// CHECK-SAME:      {activation_bytes = 832 : i64, live_bytes = 832 : i64, phase = "forward", stage = "two"}
// CHECK-SAME:      {activation_bytes = 832 : i64, live_bytes = 832 : i64, phase = "backward", stage = "two"}
func.func @step(%x: memref<100xf32>, %y: memref<200xf32>) {
  %a = memref.alloc() : memref<100xf32>
  %g = memref.alloc() : memref<100xf32>
  %b = memref.alloc() : memref<200xf32>
  kernel.call @map ins(%x : memref<100xf32>) outs(%a : memref<100xf32>) loc(fused<{stage = "one"}>["net":1:1])
  kernel.call @map ins(%a : memref<100xf32>) outs(%g : memref<100xf32>) loc(fused<{phase = "backward", stage = "one"}>["net":1:1])
  kernel.call @map ins(%g : memref<100xf32>) outs(%x : memref<100xf32>) loc(fused<{phase = "update", stage = "one"}>["net":1:1])
  kernel.call @wide ins(%y : memref<200xf32>) outs(%b : memref<200xf32>) loc(fused<{stage = "two"}>["net":2:1])
  kernel.call @wide ins(%b : memref<200xf32>) outs(%y : memref<200xf32>) loc(fused<{phase = "backward", stage = "two"}>["net":2:1])
  return
}
