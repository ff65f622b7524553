// RUN: varve-opt %s --pass-pipeline='builtin.module(varve.program(varve-update))' --split-input-file | FileCheck %s

// Plain gradient descent: w - lr g. The step is counted, hyperparameters are
// inputs, and no gradient is left among the results.
// CHECK-LABEL: varve.program @sgd
// CHECK-NOT:     role = "slot"
// CHECK:         varve.func @train_step
// CHECK-SAME:      (%[[X:[^:]*]]: tensor<4xf32>
// CHECK-SAME:      %[[LR:[^:]*]]: tensor<f32> {default = 1.000000e-01 : f64, kind = "hyper", name = "optimizer.lr"}
// CHECK-SAME:      uses(%[[W:[^ ]*]] = @w
// CHECK-SAME:      -> ({kind = "loss", name = "loss"}) updates(@w, @step)
// CHECK-NOT:       learns
// CHECK:         %[[RATE:.*]] = varve.broadcast %[[LR]]
// CHECK:         %[[D:.*]] = varve.mul {{.*}}%[[RATE]]
// CHECK:         %[[NEW:.*]] = varve.sub %[[W]], %[[D]]
// CHECK:         varve.return %{{[^,]*}}, %[[NEW]], %
varve.program @sgd attributes {train = {optimizer = {name = "sgd", lr = 0.1 : f64}}} {
  varve.state @w : tensor<4xf32> {role = "param"}
  varve.state @step : tensor<i64> {role = "counter"}
  varve.func @train_step(%x: tensor<4xf32> {kind = "input", name = "x"})
      uses(%w = @w : tensor<4xf32>)
      -> ({kind = "loss", name = "loss"}, {kind = "gradient", name = "g", of = @w})
      attributes {learns} {
    %p = varve.mul %w, %x : tensor<4xf32>
    %l = varve.sum %p {axis = array<i64: 0>} : tensor<4xf32> -> tensor<f32>
    varve.return %l, %x : tensor<f32>, tensor<4xf32>
  }
}

// -----

// Adam declares two slots, also for the function that does not learn.
// CHECK-LABEL: varve.program @adam
// CHECK-DAG:     varve.state @"w:m" : tensor<4xf32> {of = @w, role = "slot"}
// CHECK-DAG:     varve.state @"w:v" : tensor<4xf32> {of = @w, role = "slot"}
// CHECK:         varve.func @infer
// CHECK-NOT:       updates
// CHECK:         varve.func @train_step
// CHECK-SAME:      name = "optimizer.betas[0]"
// CHECK-SAME:      updates({{.*}}@"w:m", @"w:v"
varve.program @adam attributes {train = {optimizer = {name = "adam",
    lr = 0.1 : f64, betas = [0.9, 0.999], eps = 1.0e-8 : f64}}} {
  varve.state @w : tensor<4xf32> {role = "param"}
  varve.state @step : tensor<i64> {role = "counter"}
  varve.func @infer(%x: tensor<4xf32> {kind = "input", name = "x"})
      uses(%w = @w : tensor<4xf32>) -> ({kind = "output", name = "y"}) {
    %p = varve.mul %w, %x : tensor<4xf32>
    varve.return %p : tensor<4xf32>
  }
  varve.func @train_step(%x: tensor<4xf32> {kind = "input", name = "x"})
      uses(%w = @w : tensor<4xf32>)
      -> ({kind = "loss", name = "loss"}, {kind = "gradient", name = "g", of = @w})
      attributes {learns} {
    %p = varve.mul %w, %x : tensor<4xf32>
    %l = varve.sum %p {axis = array<i64: 0>} : tensor<4xf32> -> tensor<f32>
    varve.return %l, %x : tensor<f32>, tensor<4xf32>
  }
}
