// RUN: varve-opt %s --varve-plan-memory | FileCheck %s
// RUN: varve-opt %s --varve-plan-memory=guard-arena | FileCheck %s --check-prefix=GUARD

// a and c do not live together: c takes a's place.
kernel.def @copy ins = 1 {
^bb0(%x: tensor<100xf32>, %o: tensor<100xf32>):
  kernel.yield %x : tensor<100xf32>
}
// CHECK-LABEL: func.func @chain
// CHECK-SAME:    %[[X:[^:]*]]: memref<100xf32>, %[[ARENA:.*]]: memref<896xi8>)
// CHECK-SAME:    varve.arena_bytes = 896
// CHECK:         %[[A0:.*]] = arith.constant 0 : index
// CHECK:         %[[A:.*]] = memref.view %[[ARENA]][%[[A0]]]
// CHECK:         %[[C0:.*]] = arith.constant 0 : index
// CHECK:         %[[C:.*]] = memref.view %[[ARENA]][%[[C0]]]
// CHECK:         kernel.call @copy ins(%[[X]] : {{.*}}) outs(%[[A]] :
// CHECK:         kernel.call @copy ins(%[[C]] : {{.*}}) outs(%[[X]] :
// CHECK-NOT:     memref.alloc
// GUARD-LABEL: func.func @chain
// GUARD-SAME:    memref<24576xi8>
// GUARD-SAME:    varve.arena_guards = array<i64: 4096, 12288, 20480>
// GUARD:         arith.constant 3648 : index
// GUARD:         arith.constant 11840 : index
// GUARD:         arith.constant 20032 : index
func.func @chain(%x: memref<100xf32>) {
  %a = memref.alloc() : memref<100xf32>
  %b = memref.alloc() : memref<100xf32>
  %c = memref.alloc() : memref<100xf32>
  kernel.call @copy ins(%x : memref<100xf32>) outs(%a : memref<100xf32>)
  kernel.call @copy ins(%a : memref<100xf32>) outs(%b : memref<100xf32>)
  kernel.call @copy ins(%b : memref<100xf32>) outs(%c : memref<100xf32>)
  kernel.call @copy ins(%c : memref<100xf32>) outs(%x : memref<100xf32>)
  return
}
