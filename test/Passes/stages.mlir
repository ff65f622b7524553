// RUN: varve-opt %s --pass-pipeline='builtin.module(varve.program(varve-partition))' | FileCheck %s
// RUN: varve-opt %s --pass-pipeline='builtin.module(varve.program(varve-partition,varve-differentiate))' | FileCheck %s --check-prefix=GRAD
// RUN: varve-opt %s --pass-pipeline='builtin.module(varve.program(varve-partition,varve-differentiate,varve-update))' | FileCheck %s --check-prefix=UPDATE

// Two stages: h = w1 x with the head v, and y = w2 h. What learns nothing and
// is read by both (the label) stands before them; the running mean that only
// the first one touches is a result of it.

// CHECK-LABEL: varve.func @train_step
// CHECK-SAME:    (%[[X:[^:]*]]: tensor<4xf32>
// CHECK-SAME:    uses(%[[W1:.*]] = @w1: tensor<4xf32>, %[[V:.*]] = @stage.v: tensor<4xf32>, %[[W2:.*]] = @w2: tensor<4xf32>, %[[M:[^ ]*]] = @mean
// CHECK-SAME:    -> ({kind = "loss", name = "loss", stage = "last"}, {kind = "loss_part", name = "stage.first", stage = "first"}) updates(@mean)
// CHECK:         %[[T:.*]] = varve.neg %[[X]]
// CHECK-NEXT:    %[[A:.*]]:3 = varve.stage "first"({{.*}}) trains [0, 2] loss 1
// CHECK:           varve.mul
// CHECK:           varve.yield
// CHECK:         %[[B:.*]] = varve.stage "last"(%[[W2]], %[[A]]#0, %[[T]]) trains [0] loss 0
// CHECK:           varve.exp
// CHECK:           varve.yield
// CHECK:         varve.return %[[B]], %[[A]]#1, %[[A]]#2

// Each stage has the gradients of its own loss.
// GRAD-LABEL: varve.func @train_step
// GRAD-SAME:    of = @w1, stage = "first"
// GRAD-SAME:    of = @stage.v, stage = "first"
// GRAD-SAME:    of = @w2, stage = "last"
// GRAD:         %[[A:.*]]:5 = varve.stage "first"({{.*}}) trains [0, 2] loss 1 gradients 2
// GRAD:         %[[B:.*]]:2 = varve.stage "last"({{.*}}, %[[A]]#0, {{.*}}) trains [0] loss 0 gradients 1
// GRAD:         varve.return %[[B]]#0, %[[A]]#1, %[[A]]#3, %[[A]]#4, %[[B]]#1, %[[A]]#2

// The first stage is done, its update included, when the second one begins.
// UPDATE-LABEL: varve.func @train_step
// UPDATE-NOT:   varve.stage
// UPDATE:       %[[H:.*]] = varve.mul
// UPDATE:       %[[STEP:.*]] = varve.sub %[[W1:.*]], %{{.*}} : tensor<4xf32>
// UPDATE:       varve.exp
// UPDATE:       varve.return
varve.program @net attributes {train = {optimizer = {name = "sgd", lr = 0.1 : f64}}} {
  varve.state @w1 : tensor<4xf32> {role = "param"}
  varve.state @stage.v : tensor<4xf32> {role = "param"}
  varve.state @w2 : tensor<4xf32> {role = "param"}
  varve.state @mean : tensor<4xf32> {role = "running"}
  varve.state @step : tensor<i64> {role = "counter"}
  varve.func @train_step(%x: tensor<4xf32> {kind = "input", name = "x"})
      uses(%w1 = @w1 : tensor<4xf32>, %v = @stage.v : tensor<4xf32>,
           %w2 = @w2 : tensor<4xf32>, %m = @mean : tensor<4xf32>)
      -> ({kind = "loss", name = "loss", stage = "last"},
          {kind = "cut", name = "first"},
          {kind = "loss_part", name = "stage.first", stage = "first"})
      updates(@mean) attributes {learns} {
    %t = varve.neg %x : tensor<4xf32>
    %h = varve.layer "first" : tensor<4xf32> {
      %p = varve.mul %w1, %x : tensor<4xf32>
      varve.yield %p : tensor<4xf32>
    }
    %y = varve.mul %w2, %h : tensor<4xf32>
    %e = varve.exp %y : tensor<4xf32>
    %d = varve.sub %e, %t : tensor<4xf32>
    %l = varve.sum %d {axis = array<i64: 0>} : tensor<4xf32> -> tensor<f32>
    %g = varve.mul %v, %h : tensor<4xf32>
    %gd = varve.sub %g, %t : tensor<4xf32>
    %l1 = varve.sum %gd {axis = array<i64: 0>} : tensor<4xf32> -> tensor<f32>
    %new = varve.add %m, %h : tensor<4xf32>
    varve.return %l, %h, %l1, %new : tensor<f32>, tensor<4xf32>, tensor<f32>, tensor<4xf32>
  }
}
