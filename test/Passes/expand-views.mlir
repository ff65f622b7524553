// RUN: varve-opt %s --varve-expand-kernels | FileCheck %s

// A view of a view of an argument: the call takes the argument's memory, and
// no view of the old type is left.
// CHECK-LABEL: func.func @step
// CHECK-SAME:    (%[[X:[^:]*]]: memref<40xf32>
// CHECK-NOT:     _shape
// CHECK:         call @copy{{.*}}(%[[X]]
kernel.def @copy ins = 1 {
^bb0(%x: tensor<8x5xf32>, %o: tensor<8x5xf32>):
  %e = tensor.empty() : tensor<8x5xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x5xf32>) outs(%e : tensor<8x5xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  } -> tensor<8x5xf32>
  kernel.yield %r : tensor<8x5xf32>
}
func.func @step(%x: memref<40x1x1xf32>, %y: memref<8x5xf32>, %arena: memref<64xi8>) {
  %c = memref.collapse_shape %x [[0, 1, 2]] : memref<40x1x1xf32> into memref<40xf32>
  %e = memref.expand_shape %c [[0, 1]] output_shape [8, 5] : memref<40xf32> into memref<8x5xf32>
  kernel.call @copy ins(%e : memref<8x5xf32>) outs(%y : memref<8x5xf32>)
  return
}
