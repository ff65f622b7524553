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

// -----

// The average begins as its parameter and is what evaluation reads.
// CHECK-LABEL: varve.program @averaged
// CHECK:         varve.state @"w:average" : tensor<4xf32> {init = "copy", of = @w, role = "average"}
// CHECK:         varve.func @infer
// CHECK-SAME:      uses(%{{[^ ]*}} = @"w:average": tensor<4xf32>)
// CHECK:         varve.func @train_step
// CHECK-SAME:      %[[D:[^:]*]]: tensor<f32> {default = 9.000000e-01 : f64, kind = "hyper", name = "average"}
// CHECK-SAME:      %[[OLD:[^ ]*]] = @"w:average"
// CHECK-SAME:      updates(@w, @"w:average", @step)
// CHECK:         %[[NEW:.*]] = varve.sub
// CHECK:         varve.mul %{{.*}}, %[[OLD]]
// CHECK:         varve.mul %{{.*}}, %[[NEW]]
varve.program @averaged attributes {train = {average = 0.9 : f64,
    optimizer = {name = "sgd", lr = 0.1 : f64}}} {
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

// -----

// Clipping parameters of other types: limits are cast, the norm is in f64.
// CHECK-LABEL: varve.program @clipped
// CHECK:         varve.cast %{{.*}} {to = f64} : tensor<f16> -> tensor<f64>
// CHECK:         varve.sqrt %{{.*}} : tensor<f64>
varve.program @clipped attributes {train = {clip_norm = 0.5 : f64,
    clip_value = 0.1 : f64, optimizer = {name = "sgd", lr = 0.1 : f64}}} {
  varve.state @h : tensor<f16> {role = "param"}
  varve.state @d : tensor<4xf64> {role = "param"}
  varve.state @step : tensor<i64> {role = "counter"}
  varve.func @train_step()
      uses(%h = @h : tensor<f16>, %d = @d : tensor<4xf64>)
      -> ({kind = "loss", name = "loss"}, {kind = "gradient", name = "h", of = @h},
          {kind = "gradient", name = "d", of = @d})
      attributes {learns} {
    %l = varve.constant dense<0.0> : tensor<f32>
    varve.return %l, %h, %d : tensor<f32>, tensor<f16>, tensor<4xf64>
  }
}
