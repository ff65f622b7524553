// RUN: varve-opt %s --varve-bufferize-kernels --split-input-file | FileCheck %s

// What may share a buffer: o = (x y) * a, where `a` is element-aligned, x and y
// are not.
!t = tensor<64x64xf32>
!m = memref<64x64xf32>
#id = affine_map<(i, j) -> (i, j)>
kernel.def @mm_mul ins = 3 {
^bb0(%x: !t, %y: !t, %a: !t, %o: !t):
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : !t
  %f = linalg.fill ins(%z : f32) outs(%e : !t) -> !t
  %p = linalg.matmul ins(%x, %y : !t, !t) outs(%f : !t) -> !t
  %r = linalg.generic {indexing_maps = [#id, #id, #id],
      iterator_types = ["parallel", "parallel"]}
      ins(%p, %a : !t, !t) outs(%o : !t) {
  ^bb0(%u: f32, %v: f32, %c: f32):
    %m = arith.mulf %u, %v : f32
    linalg.yield %m : f32
  } -> !t
  kernel.yield %r : !t
}

// In place.
// CHECK-LABEL: func.func @aligned
// CHECK-SAME:    %[[X:.*]]: memref<64x64xf32>, %[[A:.*]]: memref<64x64xf32>)
// CHECK-NOT:     memref.alloc
// CHECK:         kernel.call @mm_mul ins(%[[X]], %[[X]], %[[A]] : {{.*}}) outs(%[[A]] :
// CHECK-NOT:     kernel.call
func.func @aligned(%x_: !m, %a_: !m) {
  %x = bufferization.to_tensor %x_ restrict : !m to !t
  %a = bufferization.to_tensor %a_ restrict writable : !m to !t
  %r = kernel.call @mm_mul ins(%x, %x, %a : !t, !t, !t) outs(%a : !t) -> !t
  bufferization.materialize_in_destination %r in restrict writable %a_
      : (!t, !m) -> ()
  return
}

// The root reads x while tiles of the out are stored.
// CHECK-LABEL: func.func @root_operand
// CHECK-SAME:    %[[X:.*]]: memref<64x64xf32>, %[[A:.*]]: memref<64x64xf32>)
// CHECK:         %[[T:.*]] = memref.alloc
// CHECK:         kernel.call @mm_mul ins(%[[X]], %[[X]], %[[A]] : {{.*}}) outs(%[[T]] :
// CHECK:         kernel.call @copy ins(%[[T]] : {{.*}}) outs(%[[X]] :
func.func @root_operand(%x_: !m, %a_: !m) {
  %x = bufferization.to_tensor %x_ restrict writable : !m to !t
  %a = bufferization.to_tensor %a_ restrict : !m to !t
  %r = kernel.call @mm_mul ins(%x, %x, %a : !t, !t, !t) outs(%x : !t) -> !t
  bufferization.materialize_in_destination %r in restrict writable %x_
      : (!t, !m) -> ()
  return
}

// The old `a` is read after its update.
// CHECK-LABEL: func.func @read_later
// CHECK-SAME:    %[[A:[^:]*]]: memref<64x64xf32>, %[[B:[^:]*]]: memref<64x64xf32>)
// CHECK:         %[[T:.*]] = memref.alloc
// CHECK:         kernel.call @mm_mul {{.*}} outs(%[[T]] :
// CHECK:         kernel.call @mm_mul ins(%[[A]], %[[A]], %[[A]] : {{.*}}) outs(%[[B]] :
// CHECK:         kernel.call @copy ins(%[[T]] : {{.*}}) outs(%[[A]] :
func.func @read_later(%a_: !m, %b_: !m) {
  %a = bufferization.to_tensor %a_ restrict writable : !m to !t
  %r = kernel.call @mm_mul ins(%a, %a, %a : !t, !t, !t) outs(%a : !t) -> !t
  %e = tensor.empty() : !t
  %s = kernel.call @mm_mul ins(%a, %a, %a : !t, !t, !t) outs(%e : !t) -> !t
  bufferization.materialize_in_destination %s in restrict writable %b_
      : (!t, !m) -> ()
  bufferization.materialize_in_destination %r in restrict writable %a_
      : (!t, !m) -> ()
  return
}

// A transposed buffer has no shape but its own.
!u = tensor<64x1x64xf32>
#id3 = affine_map<(i, j, k) -> (i, j, k)>
kernel.def @twice ins = 1 {
^bb0(%x: !u, %o: !u):
  %r = linalg.generic {indexing_maps = [#id3, #id3],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : !u) outs(%o : !u) {
  ^bb0(%v: f32, %c: f32):
    %s = arith.addf %v, %v : f32
    linalg.yield %s : f32
  } -> !u
  kernel.yield %r : !u
}

// CHECK-LABEL: func.func @reshaped_layout
// CHECK-SAME:    %[[A:[^:]*]]: memref<64x64xf32, #{{[^,]*}}>, %[[B:[^:]*]]: memref<64x1x64xf32>)
// CHECK:         %[[T:.*]] = memref.alloc() {{.*}}: memref<64x64xf32>
// CHECK:         kernel.call @copy ins(%[[A]] : {{.*}}) outs(%[[T]] :
// CHECK:         %[[E:.*]] = memref.expand_shape %[[T]]
// CHECK:         kernel.call @twice ins(%[[E]] : {{.*}}) outs(%[[B]] :
func.func @reshaped_layout(
    %a_: memref<64x64xf32, affine_map<(i, j) -> (j, i)>>,
    %b_: memref<64x1x64xf32>) {
  %a = bufferization.to_tensor %a_ restrict
      : memref<64x64xf32, affine_map<(i, j) -> (j, i)>> to !t
  %v = tensor.expand_shape %a [[0], [1, 2]] output_shape [64, 1, 64]
      : !t into !u
  %e = tensor.empty() : !u
  %r = kernel.call @twice ins(%v : !u) outs(%e : !u) -> !u
  bufferization.materialize_in_destination %r in restrict writable %b_
      : (!u, memref<64x1x64xf32>) -> ()
  return
}
