// RUN: varve-opt %s --varve-insert-barriers | FileCheck %s

// Shared by threads, and too small for that.
kernel.def @large ins = 1 {
^bb0(%x: tensor<100000xf32>, %o: tensor<100000xf32>):
  kernel.yield %x : tensor<100000xf32>
}
kernel.def @small ins = 1 {
^bb0(%x: tensor<16xf32>, %o: tensor<16xf32>):
  kernel.yield %x : tensor<16xf32>
}

!l = memref<100000xf32>
!s = memref<16xf32>

// CHECK-LABEL: func.func @read_after_write
// CHECK:         kernel.call @large{{.*}} {threads = 6 : i64}
// CHECK-NEXT:    kernel.barrier
// CHECK-NEXT:    kernel.call @large
// CHECK-NEXT:    return
func.func @read_after_write(%a: !l, %b: !l, %c: !l) {
  kernel.call @large ins(%a : !l) outs(%b : !l)
  kernel.call @large ins(%b : !l) outs(%c : !l)
  return
}

// CHECK-LABEL: func.func @write_after_read
// CHECK:         kernel.call
// CHECK-NEXT:    kernel.barrier
// CHECK-NEXT:    kernel.call
func.func @write_after_read(%a: !l, %b: !l, %c: !l) {
  kernel.call @large ins(%a : !l) outs(%b : !l)
  kernel.call @large ins(%c : !l) outs(%a : !l)
  return
}

// Two that read the same, and two ranges of one arena.
// CHECK-LABEL: func.func @independent
// CHECK-NOT:     kernel.barrier
// CHECK:         return
func.func @independent(%a: !l, %arena: memref<900000xi8>) {
  %c0 = arith.constant 0 : index
  %c400000 = arith.constant 400000 : index
  %b = memref.view %arena[%c0][] : memref<900000xi8> to !l
  %c = memref.view %arena[%c400000][] : memref<900000xi8> to !l
  kernel.call @large ins(%a : !l) outs(%b : !l)
  kernel.call @large ins(%a : !l) outs(%c : !l)
  return
}

// CHECK-LABEL: func.func @same_bytes
// CHECK:         kernel.call
// CHECK-NEXT:    kernel.barrier
// CHECK-NEXT:    kernel.call
func.func @same_bytes(%a: !l, %arena: memref<900000xi8>) {
  %c0 = arith.constant 0 : index
  %c399936 = arith.constant 399936 : index
  %b = memref.view %arena[%c0][] : memref<900000xi8> to !l
  %c = memref.view %arena[%c399936][] : memref<900000xi8> to !l
  kernel.call @large ins(%a : !l) outs(%b : !l)
  kernel.call @large ins(%a : !l) outs(%c : !l)
  return
}

// Thread 0 does both.
// CHECK-LABEL: func.func @alone
// CHECK-NOT:     kernel.barrier
// CHECK:         return
func.func @alone(%a: !s, %b: !s, %c: !s) {
  kernel.call @small ins(%a : !s) outs(%b : !s)
  kernel.call @small ins(%b : !s) outs(%c : !s)
  return
}

// All threads read the condition that thread 0 wrote; then a turn of the loop
// conflicts with the one before.
// CHECK-LABEL: func.func @loop
// CHECK:         kernel.call @small
// CHECK-NEXT:    kernel.barrier
// CHECK-NEXT:    memref.load
// CHECK:         scf.for
// CHECK-NEXT:    kernel.barrier
// CHECK-NEXT:    kernel.call @large
// CHECK-NEXT:    kernel.barrier
// CHECK-NEXT:    kernel.call @large
func.func @loop(%a: !l, %b: !l, %s: !s, %n: !s) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  kernel.call @small ins(%s : !s) outs(%n : !s)
  %v = memref.load %n[%c0] : !s
  %i = arith.fptosi %v : f32 to i64
  %k = arith.index_cast %i : i64 to index
  scf.for %t = %c0 to %k step %c1 {
    kernel.call @large ins(%a : !l) outs(%b : !l)
    kernel.call @large ins(%b : !l) outs(%a : !l)
  }
  return
}

// Where stages run in parallel, each has a thread for what is small: no barrier
// within a stage, one where the second reads what the first made.
// CHECK-LABEL: func.func @stages
// CHECK:         kernel.call @small ins(%{{.*}}) outs(%[[B:arg1]] : {{.*}}) {threads = 1 : i64}
// CHECK-NEXT:    kernel.call @small ins(%{{.*}}) outs({{.*}}) {threads = 1 : i64}
// CHECK-NEXT:    kernel.call @small ins(%arg0 {{.*}}) outs({{.*}}) {threads = 1 : i64, varve.first_thread = 1 : i64}
// CHECK-NEXT:    kernel.barrier
// CHECK-NEXT:    kernel.call @small ins(%[[B]] {{.*}}) outs({{.*}}) {threads = 1 : i64, varve.first_thread = 1 : i64}
// CHECK-NEXT:    return
func.func @stages(%a: !s, %b: !s, %c: !s, %d: !s, %e: !s)
    attributes {varve.parallel} {
  kernel.call @small ins(%a : !s) outs(%b : !s) loc(fused<{stage = "one"}>["x"])
  kernel.call @small ins(%b : !s) outs(%c : !s) loc(fused<{stage = "one"}>["x"])
  kernel.call @small ins(%a : !s) outs(%d : !s) loc(fused<{stage = "two"}>["x"])
  kernel.call @small ins(%b : !s) outs(%e : !s) loc(fused<{stage = "two"}>["x"])
  return
}
