// RUN: varve-opt %s --varve-lower-to-llvm --split-input-file --verify-diagnostics | FileCheck %s

// The ABI of an entry, views of the arena, calls, a barrier.
// CHECK-LABEL: llvm.func internal @varve.barrier(%arg0: !llvm.ptr, %arg1: i64)
// CHECK:         llvm.icmp "eq"
// CHECK:         llvm.cond_br %{{.*}}, ^[[DONE:.*]], ^[[WAIT:.*]]
// CHECK:       ^[[WAIT]]:
// CHECK:         %[[F:.*]] = llvm.load %arg0
// CHECK:         llvm.call %[[F]](%arg0)
// CHECK-LABEL: llvm.func internal @k(%arg0: !llvm.ptr, %arg1: i64)
// CHECK:         %[[P:.*]] = llvm.getelementptr %arg0[%arg1] : {{.*}}, f32
// CHECK:         llvm.load %[[P]] {alignment = 4 : i64} : !llvm.ptr -> vector<8xf32>
// CHECK-LABEL: llvm.func internal @step(
// CHECK-SAME:    %[[STATE:.*]]: !llvm.ptr, %[[ARGS:.*]]: !llvm.ptr, %[[ARENA:.*]]: !llvm.ptr, %[[TEAM:.*]]: !llvm.ptr, %[[T:.*]]: i64, %[[N:.*]]: i64)
// CHECK-DAG:     %[[WP:.*]] = llvm.getelementptr %[[STATE]][0]
// CHECK-DAG:     %[[W:.*]] = llvm.load %[[WP]]
// CHECK-DAG:     %[[YP:.*]] = llvm.getelementptr %[[ARGS]][1]
// CHECK-DAG:     %[[Y:.*]] = llvm.load %[[YP]]
// CHECK-DAG:     %[[V:.*]] = llvm.getelementptr %[[ARENA]]{{.*}}, i8
// CHECK:         llvm.call @k(%[[W]], %[[T]])
// CHECK:         llvm.call @varve.barrier(%[[TEAM]], %[[N]])
// CHECK:         llvm.call @k(%[[V]], %[[N]])
// CHECK:         llvm.call @k(%[[Y]], %[[N]])
func.func private @k(%a: memref<64xf32>, %i: index) {
  %v = vector.load %a[%i] : memref<64xf32>, vector<8xf32>
  vector.store %v, %a[%i] : memref<64xf32>, vector<8xf32>
  return
}
func.func @step(%w: memref<8x8xf32>, %x: memref<?xi8>, %y: memref<64xf32>,
                %arena: memref<512xi8>, %t: index, %n: index)
    attributes {varve.states = 1 : i64} {
  %c256 = arith.constant 256 : index
  %flat = memref.collapse_shape %w [[0, 1]] : memref<8x8xf32> into memref<64xf32>
  %v = memref.view %arena[%c256][] : memref<512xi8> to memref<64xf32>
  call @k(%flat, %t) : (memref<64xf32>, index) -> ()
  kernel.barrier
  call @k(%v, %n) : (memref<64xf32>, index) -> ()
  call @k(%y, %n) : (memref<64xf32>, index) -> ()
  return
}

// -----

// Strides, a subview, booleans of one byte.
// CHECK-LABEL: llvm.func internal @memory
// CHECK:         %[[C20:.*]] = llvm.mlir.constant(20 : i64)
// CHECK:         llvm.mul %arg2, %[[C20]]
// CHECK:         %[[B:.*]] = llvm.load %{{.*}} : !llvm.ptr -> i8
// CHECK:         %[[I:.*]] = llvm.icmp "ne" %[[B]]
// CHECK:         %[[Z:.*]] = llvm.zext %{{.*}} : i1 to i8
// CHECK:         llvm.store %[[Z]]
// CHECK:         llvm.load %{{.*}} : !llvm.ptr -> vector<16xi8>
// CHECK:         llvm.icmp "ne" {{.*}} : vector<16xi8>
func.func private @memory(%a: memref<4x5x4xf32>, %b: memref<16xi1>, %i: index) -> f32 {
  %s = memref.subview %a[%i, 0, 0] [1, 5, 4] [1, 1, 1]
      : memref<4x5x4xf32> to memref<5x4xf32, strided<[4, 1], offset: ?>>
  %c1 = arith.constant 1 : index
  %f = memref.load %s[%i, %c1] : memref<5x4xf32, strided<[4, 1], offset: ?>>
  %p = memref.load %b[%i] : memref<16xi1>
  %true = arith.constant true
  %q = arith.xori %p, %true : i1
  memref.store %q, %b[%i] : memref<16xi1>
  %c0 = arith.constant 0 : index
  %v = vector.load %b[%c0] : memref<16xi1>, vector<16xi1>
  %z = arith.constant dense<0.0> : vector<16xf32>
  vector.maskedstore %s[%c0, %c0], %v, %z
      : memref<5x4xf32, strided<[4, 1], offset: ?>>, vector<16xi1>, vector<16xf32>
  return %f : f32
}

// -----

// Control flow around calls; a slice of a buffer is an address.
// CHECK-LABEL: llvm.func internal @scan
// CHECK:         %[[M:.*]] = llvm.load
// CHECK:         llvm.br ^[[HEAD:.*]](%{{.*}}, %[[A:.*]] : i64, !llvm.ptr)
// CHECK:       ^[[HEAD]](%[[I:.*]]: i64, %[[B:.*]]: !llvm.ptr):
// CHECK:         %[[O:.*]] = llvm.mul %[[I]]
// CHECK:         %[[S:.*]] = llvm.getelementptr %[[M]][%[[O]]] : {{.*}}, f32
// CHECK:         llvm.call @k2(%[[B]], %[[S]])
// CHECK:         llvm.call @varve.barrier
func.func private @k2(%a: memref<8xf32>, %b: memref<8xf32>) {
  return
}
func.func @scan(%m: memref<4x8xf32>, %arena: memref<512xi8>, %t: index,
                %n: index) attributes {varve.states = 0 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %x = memref.view %arena[%c0][] : memref<512xi8> to memref<8xf32>
  scf.for %i = %c0 to %c4 step %c1 iter_args(%a = %x) -> memref<8xf32> {
    %s = memref.subview %m[%i, 0] [1, 8] [1, 1]
        : memref<4x8xf32> to memref<8xf32, strided<[1], offset: ?>>
    %f = builtin.unrealized_conversion_cast %s
        : memref<8xf32, strided<[1], offset: ?>> to memref<8xf32>
    func.call @k2(%a, %f) : (memref<8xf32>, memref<8xf32>) -> ()
    kernel.barrier
    scf.yield %a : memref<8xf32>
  }
  return
}

// -----

// Constants are globals; a boolean takes a byte there too.
// CHECK:       llvm.mlir.global internal constant @flags(dense<[1, 0, 1]> : tensor<3xi8>) {{.*}} : !llvm.array<3 x i8>
// CHECK:       llvm.mlir.global internal constant @grid(dense<{{.*}}> : tensor<2x2xf32>) {{.*}} : !llvm.array<2 x array<2 x f32>>
// CHECK-LABEL: llvm.func internal @constants
// CHECK:         llvm.mlir.addressof @flags
// CHECK:         llvm.mlir.addressof @grid
memref.global "private" constant @flags : memref<3xi1> = dense<[true, false, true]>
memref.global "private" constant @grid : memref<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]>
func.func private @constants(%i: index) -> f32 {
  %f = memref.get_global @flags : memref<3xi1>
  %g = memref.get_global @grid : memref<2x2xf32>
  %b = memref.load %f[%i] : memref<3xi1>
  %v = memref.load %g[%i, %i] : memref<2x2xf32>
  %z = arith.constant 0.0 : f32
  %r = arith.select %b, %v, %z : f32
  return %r : f32
}

// -----

// An alloca in a loop takes stack once.
// CHECK-LABEL: llvm.func internal @stack
// CHECK:         llvm.alloca
// CHECK:         llvm.br
func.func private @stack(%n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %z = arith.constant 0.0 : f32
  scf.for %i = %c0 to %n step %c1 {
    %a = memref.alloca() : memref<8xf32>
    memref.store %z, %a[%c0] : memref<8xf32>
  }
  return
}

// -----

// expected-error @+2 {{failed to legalize}}
// expected-error @+1 {{has no body: compiled code calls nothing but libm}}
func.func private @system(i32) -> i32

// -----

func.func private @dynamic(%a: memref<4x?xf32>, %i: index) -> f32 {
  // expected-error @+2 {{failed to legalize}}
  // expected-error @+1 {{addresses a buffer whose strides are not static}}
  %f = memref.load %a[%i, %i] : memref<4x?xf32>
  return %f : f32
}

// -----

// expected-error @+1 {{is an entry of 4 states and needs}}
func.func @short(%a: memref<4xf32>, %arena: memref<8xi8>, %t: index, %n: index)
    attributes {varve.states = 4 : i64} {
  return
}
