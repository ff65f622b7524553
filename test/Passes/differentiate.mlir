// RUN: varve-opt %s --pass-pipeline='builtin.module(varve.program(varve-differentiate))' | FileCheck %s

// L = sum(w x + w): w is used twice, so its gradient is a sum; a state of
// another role and a frozen parameter get none.
varve.program @net attributes {train = {freeze = ["frozen.*"]}} {
  varve.state @w : tensor<4xf32> {role = "param"}
  varve.state @frozen.w : tensor<4xf32> {role = "param"}
  varve.state @mean : tensor<4xf32> {role = "running"}

  // CHECK-LABEL: varve.func @train_step
  // CHECK-SAME:    (%[[X:[^:]*]]: tensor<4xf32>
  // CHECK-SAME:    -> ({kind = "loss", name = "loss"}, {kind = "gradient", {{.*}}of = @w})
  // CHECK-NOT:     of = @frozen.w
  // CHECK-NOT:     of = @mean
  // CHECK:         %[[L:.*]] = varve.sum
  // CHECK:         %[[D:.*]] = varve.broadcast
  // CHECK:         %[[DX:.*]] = varve.mul {{.*}}%[[X]]
  // CHECK:         %[[G:.*]] = varve.add {{.*}}%[[DX]]
  // CHECK:         varve.return %[[L]], %[[G]]
  varve.func @train_step(%x: tensor<4xf32> {kind = "input", name = "x"})
      uses(%w = @w : tensor<4xf32>, %f = @frozen.w : tensor<4xf32>,
           %mean = @mean : tensor<4xf32>)
      -> ({kind = "loss", name = "loss"}) attributes {learns} {
    %p = varve.mul %w, %x : tensor<4xf32>
    %q = varve.mul %f, %mean : tensor<4xf32>
    %r = varve.add %p, %q : tensor<4xf32>
    %s = varve.add %r, %w : tensor<4xf32>
    %l = varve.sum %s {axis = array<i64: 0>} : tensor<4xf32> -> tensor<f32>
    varve.return %l : tensor<f32>
  }

  // What does not learn stays as it is.
  // CHECK-LABEL: varve.func @infer
  // CHECK-NOT:     gradient
  varve.func @infer(%x: tensor<4xf32> {kind = "input", name = "x"})
      uses(%w = @w : tensor<4xf32>) -> ({kind = "output", name = "y"}) {
    %p = varve.mul %w, %x : tensor<4xf32>
    varve.return %p : tensor<4xf32>
  }
}
