// RUN: varve-opt %s --varve-lay-out-buffers | FileCheck %s
// RUN: varve-opt %s --varve-lay-out-buffers --varve-plan-memory --varve-insert-barriers | FileCheck %s --check-prefix=PLAN

#id = affine_map<(n, c, h, w) -> (n, c, h, w)>
#channel = affine_map<(n, c, h, w) -> (c)>
#window = affine_map<(n, c, h, w, k) -> (n, c, h, w * 2 + k)>
#out = affine_map<(n, c, h, w, k) -> (n, c, h, w)>

kernel.def @scale ins = 2 {
^bb0(%x: tensor<8x64x7x8xf32>, %s: tensor<64xf32>, %o: tensor<8x64x7x8xf32>):
  %e = tensor.empty() : tensor<8x64x7x8xf32>
  %r = linalg.generic {indexing_maps = [#id, #channel, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %s : tensor<8x64x7x8xf32>, tensor<64xf32>)
      outs(%e : tensor<8x64x7x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %y = arith.mulf %a, %b : f32
    linalg.yield %y : f32
  } -> tensor<8x64x7x8xf32>
  kernel.yield %r : tensor<8x64x7x8xf32>
}

kernel.def @pool ins = 1 {
^bb0(%x: tensor<8x64x7x8xf32>, %o: tensor<8x64x7x4xf32>):
  %zero = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<8x64x7x4xf32>
  %k = tensor.empty() : tensor<2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x64x7x4xf32>) -> tensor<8x64x7x4xf32>
  %r = linalg.generic {indexing_maps = [#window,
      affine_map<(n, c, h, w, k) -> (k)>, #out],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %k : tensor<8x64x7x8xf32>, tensor<2xf32>)
      outs(%f : tensor<8x64x7x4xf32>) {
  ^bb0(%a: f32, %size: f32, %c: f32):
    %y = arith.maximumf %a, %c : f32
    linalg.yield %y : f32
  } -> tensor<8x64x7x4xf32>
  kernel.yield %r : tensor<8x64x7x4xf32>
}

kernel.def @sum ins = 1 {
^bb0(%x: tensor<8x64x7x8xf32>, %o: tensor<8x64x7xf32>):
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x64x7xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x64x7xf32>) -> tensor<8x64x7xf32>
  %r = linalg.generic {indexing_maps = [#id,
      affine_map<(n, c, h, w) -> (n, c, h)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x : tensor<8x64x7x8xf32>) outs(%f : tensor<8x64x7xf32>) {
  ^bb0(%a: f32, %c: f32):
    %y = arith.addf %a, %c : f32
    linalg.yield %y : f32
  } -> tensor<8x64x7xf32>
  kernel.yield %r : tensor<8x64x7xf32>
}

// What is pooled, what it is made of and what is summed of it; not what comes
// in and goes out.
// CHECK-LABEL: func.func @around_a_pool
// CHECK-SAME:    %{{[^:]*}}: memref<8x64x7x8xf32>,
// CHECK-DAG:     memref.alloc() : memref<8x64x7x8xf32, strided<[3584, 1, 512, 64]>>
// CHECK-DAG:     memref.alloc() : memref<8x64x7xf32, strided<[448, 1, 64]>>
// CHECK:         kernel.call @pool ins(%{{.*}} : memref<8x64x7x8xf32, strided<[3584, 1, 512, 64]>>) outs(%{{.*}} : memref<8x64x7x4xf32>)
//
// A buffer with strides is a flat one read that way, and has its size.
// PLAN-LABEL:  func.func @around_a_pool
// PLAN:          %[[VIEW:.*]] = memref.view %{{.*}} : memref<{{.*}}xi8> to memref<28672xf32>
// PLAN:          memref.reinterpret_cast %[[VIEW]] to offset: [0], sizes: [8, 64, 7, 8], strides: [3584, 1, 512, 64]
// PLAN:          kernel.call @scale
// PLAN:          kernel.barrier
// PLAN-NEXT:     kernel.call @pool
// PLAN-NEXT:     kernel.call @sum
func.func @around_a_pool(%x: memref<8x64x7x8xf32>, %s: memref<64xf32>,
                         %p: memref<8x64x7x4xf32>, %t: memref<8x64x7xf32>) {
  %y = memref.alloc() : memref<8x64x7x8xf32>
  %z = memref.alloc() : memref<8x64x7xf32>
  kernel.call @scale ins(%x, %s : memref<8x64x7x8xf32>, memref<64xf32>) outs(%y : memref<8x64x7x8xf32>)
  kernel.call @pool ins(%y : memref<8x64x7x8xf32>) outs(%p : memref<8x64x7x4xf32>)
  kernel.call @sum ins(%y : memref<8x64x7x8xf32>) outs(%z : memref<8x64x7xf32>)
  return
}

// Nothing here wants channels last.
// CHECK-LABEL: func.func @no_window
// CHECK:         memref.alloc() : memref<8x64x7x8xf32>
func.func @no_window(%x: memref<8x64x7x8xf32>, %s: memref<64xf32>,
                     %t: memref<8x64x7xf32>) {
  %y = memref.alloc() : memref<8x64x7x8xf32>
  kernel.call @scale ins(%x, %s : memref<8x64x7x8xf32>, memref<64xf32>) outs(%y : memref<8x64x7x8xf32>)
  kernel.call @sum ins(%y : memref<8x64x7x8xf32>) outs(%t : memref<8x64x7xf32>)
  return
}

// A view of another shape needs the elements in their order.
// CHECK-LABEL: func.func @viewed
// CHECK:         memref.alloc() : memref<8x64x7x8xf32>
func.func @viewed(%x: memref<8x64x7x8xf32>, %p: memref<8x64x7x4xf32>) {
  %s = memref.alloc() : memref<64xf32>
  %y = memref.alloc() : memref<8x64x7x8xf32>
  kernel.call @scale ins(%x, %s : memref<8x64x7x8xf32>, memref<64xf32>) outs(%y : memref<8x64x7x8xf32>)
  %flat = memref.collapse_shape %y [[0], [1, 2, 3]] : memref<8x64x7x8xf32> into memref<8x3584xf32>
  kernel.call @use ins(%flat : memref<8x3584xf32>) outs(%s : memref<64xf32>)
  kernel.call @pool ins(%y : memref<8x64x7x8xf32>) outs(%p : memref<8x64x7x4xf32>)
  return
}
kernel.def @use ins = 1 {
^bb0(%x: tensor<8x3584xf32>, %o: tensor<64xf32>):
  %r = tensor.empty() : tensor<64xf32>
  kernel.yield %r : tensor<64xf32>
}

// Activations, not weights.
kernel.def @conv ins = 2 {
^bb0(%x: tensor<2x16x6x6xf32>, %w: tensor<32x16x3x3xf32>, %o: tensor<2x32x6x6xf32>):
  %y = kernel.conv forward ins(%x, %w : tensor<2x16x6x6xf32>, tensor<32x16x3x3xf32>)
      {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>,
       dilations = array<i64: 1, 1>, groups = 1} -> tensor<2x32x6x6xf32>
  kernel.yield %y : tensor<2x32x6x6xf32>
}
// CHECK-LABEL: func.func @convolution
// CHECK-DAG:     memref.alloc() : memref<2x16x6x6xf32, strided<[576, 1, 96, 16]>>
// CHECK-DAG:     memref.alloc() : memref<32x16x3x3xf32>
// CHECK-DAG:     memref.alloc() : memref<2x32x6x6xf32, strided<[1152, 1, 192, 32]>>
func.func @convolution() {
  %x = memref.alloc() : memref<2x16x6x6xf32>
  %w = memref.alloc() : memref<32x16x3x3xf32>
  %y = memref.alloc() : memref<2x32x6x6xf32>
  kernel.call @conv ins(%x, %w : memref<2x16x6x6xf32>, memref<32x16x3x3xf32>) outs(%y : memref<2x32x6x6xf32>)
  return
}
