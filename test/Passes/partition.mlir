// RUN: varve-opt %s --pass-pipeline='builtin.module(varve.program(varve-partition))' | FileCheck %s

// End to end: layers, also one in another, are inlined where they stand.
// CHECK-LABEL: varve.func @infer
// CHECK-SAME:    (%[[X:.*]]: tensor<2x3xf32>
// CHECK-SAME:    uses(%[[W:.*]] = @outer.inner.weight
// CHECK-NOT:     varve.layer
// CHECK:         %[[P:.*]] = varve.matmul %[[X]], %[[W]]
// CHECK:         %[[R:.*]] = varve.relu %[[P]]
// CHECK:         %[[T:.*]] = varve.tanh %[[R]]
// CHECK:         varve.return %[[T]]
varve.program @net {
  varve.state @outer.inner.weight : tensor<3x4xf32> {role = "param"}
  varve.func @infer(%x: tensor<2x3xf32> {kind = "input", name = "x"})
      uses(%w = @outer.inner.weight : tensor<3x4xf32>)
      -> ({kind = "output", name = "y"}) {
    %y = varve.layer "outer" : tensor<2x4xf32> {
      %z = varve.layer "inner" : tensor<2x4xf32> {
        %p = varve.matmul %x, %w : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf32>
        varve.yield %p : tensor<2x4xf32>
      }
      %r = varve.relu %z : tensor<2x4xf32>
      varve.yield %r : tensor<2x4xf32>
    }
    %t = varve.tanh %y : tensor<2x4xf32>
    varve.return %t : tensor<2x4xf32>
  }
}
