// RUN: varve-opt %s --varve-expand-kernels -cse --loop-invariant-code-motion -canonicalize | FileCheck %s
// RUN: varve-opt %s --varve-expand-kernels=target=v3 -cse --loop-invariant-code-motion -canonicalize | FileCheck %s --check-prefix=V3

!x = tensor<28x64xf32>
!w = tensor<64x32xf32>
!y = tensor<28x32xf32>
#panels = affine_map<(k, n) -> (n floordiv 32, k, n mod 32)>
kernel.def @product ins = 2 {
^bb0(%x: !x, %w: !w, %o: !y):
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : !y
  %f = linalg.fill ins(%zero : f32) outs(%e : !y) -> !y
  %r = linalg.matmul ins(%x, %w : !x, !w) outs(%f : !y) -> !y
  kernel.yield %r : !y
}

// Called with two layouts of W: one function for each, with the same loop. The
// tile is 14 x 2 vectors: 28 products for 2 loads of W and 14 of x.
// CHECK-LABEL: func.func private @product.impl(
// CHECK-SAME:    memref<1792xf32>, %[[W:[^:]*]]: memref<2048xf32>, %{{[^:]*}}: memref<896xf32>, %{{.*}}: index, %{{.*}}: index)
// CHECK:         scf.for {{.*}} iter_args
// CHECK-COUNT-2: vector.load %[[W]]
// CHECK-NOT:     vector.load
// CHECK-COUNT-28: math.fma
// CHECK:         scf.yield
// CHECK:         vector.store
// CHECK-LABEL: func.func private @product.impl.1(
// CHECK:         scf.for {{.*}} iter_args
// CHECK-COUNT-2: vector.load
// CHECK-NOT:     vector.load
// CHECK-COUNT-28: math.fma
// CHECK:         scf.yield

// V3-LABEL: func.func private @product.impl(
// V3:         scf.for {{.*}} iter_args
// V3-COUNT-1: vector.load
// V3-NOT:     vector.load
// V3-COUNT-6: math.fma
// V3-NOT:     math.fma
// V3:         scf.yield

// Arguments are flat; thread and number of threads come last.
// CHECK-LABEL: func.func @step(
// CHECK-SAME:    %[[X:[^:]*]]: memref<1792xf32>, %[[W:[^:]*]]: memref<2048xf32>,
// CHECK-SAME:    %[[P:[^:]*]]: memref<2048xf32>, %[[Y:[^:]*]]: memref<896xf32>,
// CHECK-SAME:    %[[ARENA:[^:]*]]: memref<64xi8>, %[[T:[^:]*]]: index, %[[N:[^:]*]]: index)
// CHECK:         scf.if
// CHECK:           call @product.impl(%[[X]], %[[W]], %[[Y]], %[[T]],
// CHECK:         call @product.impl.1(%[[X]], %[[P]], %[[Y]], %[[T]],
func.func @step(%x: memref<28x64xf32>, %w: memref<64x32xf32>,
                %p: memref<64x32xf32, #panels>, %y: memref<28x32xf32>,
                %arena: memref<64xi8>) {
  kernel.call @product
      ins(%x, %w : memref<28x64xf32>, memref<64x32xf32>)
      outs(%y : memref<28x32xf32>)
  kernel.call @product
      ins(%x, %p : memref<28x64xf32>, memref<64x32xf32, #panels>)
      outs(%y : memref<28x32xf32>)
  return
}
