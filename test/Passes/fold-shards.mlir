// RUN: varve-opt %s --pass-pipeline='builtin.module(varve.program(varve-fold-shards))' --split-input-file --verify-diagnostics | FileCheck %s

// Shards of 2, 2 and 1 samples: their gradients are summed in order, weighted
// by their share; the running state goes from one to the next; each but the
// first has a seed of its own; the schedule is taken once.
// CHECK-LABEL: varve.program @uneven
// CHECK:       varve.func @step(%[[I:[^:]*]]: tensor<5xi64> {kind = "indices", name = "indices"}, %[[SEED:[^:]*]]: tensor<i64>
// CHECK-SAME:    uses(%{{[^ ]*}} = @w: tensor<3xf32>, %[[R:[^ ]*]] = @r: tensor<f32>)
// CHECK-SAME:    updates(@r)
// CHECK-SAME:    batch = 5
// CHECK-NOT:   step.last
// CHECK:       %[[I0:.*]] = varve.slice %[[I]] {begin = array<i64: 0>, end = array<i64: 2>
// CHECK:       varve.uniform %[[SEED]],
// CHECK:       %[[R0:.*]] = varve.mul %[[R]]
// CHECK:       dense<4.000000e-01> : tensor<f32>
// CHECK:       %[[L0:.*]] = varve.mul
// CHECK:       dense<4.000000e-01> : tensor<3xf32>
// CHECK:       %[[G0:.*]] = varve.mul
// CHECK:       varve.slice %[[I]] {begin = array<i64: 2>, end = array<i64: 4>
// CHECK:       varve.add %[[SEED]], %
// CHECK:       %[[OWN:.*]] = varve.add %[[SEED]], %{{.*}} : tensor<i64>
// CHECK:       varve.uniform %[[OWN]],
// CHECK:       %[[R1:.*]] = varve.mul %[[R0]]
// CHECK:       %[[L1:.*]] = varve.add %[[L0]],
// CHECK:       %[[G1:.*]] = varve.add %[[G0]],
// CHECK:       varve.slice %[[I]] {begin = array<i64: 4>, end = array<i64: 5>
// CHECK:       %[[R2:.*]] = varve.mul %[[R1]]
// CHECK:       dense<2.000000e-01> : tensor<f32>
// CHECK:       %[[L2:.*]] = varve.add %[[L1]],
// CHECK:       %[[G2:.*]] = varve.add %[[G1]],
// CHECK:       varve.return %[[L2]], %{{.*}}, %[[G2]], %[[R2]]
varve.program @uneven attributes {train = {shards = array<i64: 2, 2, 1>}} {
  varve.state @w : tensor<3xf32> {role = "param"}
  varve.state @r : tensor<f32> {role = "running"}
  varve.func @step(%i: tensor<2xi64> {kind = "indices", name = "indices"},
                   %seed: tensor<i64> {kind = "seed", name = "seed"})
      uses(%w = @w : tensor<3xf32>, %r = @r : tensor<f32>)
      -> ({kind = "loss", name = "loss"}, {kind = "schedule", name = "schedule"},
          {kind = "gradient", name = "g", of = @w}) updates(@r)
      attributes {batch = 2, learns} {
    %0 = varve.sum %i {axis = array<i64: 0>} : tensor<2xi64> -> tensor<i64>
    %1 = varve.add %seed, %0 : tensor<i64>
    %l = varve.uniform %seed, %1 {stream = 7 : i64, shape = array<i64>} : tensor<i64>, tensor<i64> -> tensor<f32>
    %n = varve.mul %r, %l : tensor<f32>
    varve.return %l, %l, %w, %n : tensor<f32>, tensor<f32>, tensor<3xf32>, tensor<f32>
  }
  varve.func @step.last(%i: tensor<1xi64> {kind = "indices", name = "indices"},
                        %seed: tensor<i64> {kind = "seed", name = "seed"})
      uses(%w = @w : tensor<3xf32>, %r = @r : tensor<f32>)
      -> ({kind = "loss", name = "loss"}, {kind = "schedule", name = "schedule"},
          {kind = "gradient", name = "g", of = @w}) updates(@r)
      attributes {batch = 1, learns} {
    %0 = varve.sum %i {axis = array<i64: 0>} : tensor<1xi64> -> tensor<i64>
    %1 = varve.add %seed, %0 : tensor<i64>
    %l = varve.uniform %seed, %1 {stream = 7 : i64, shape = array<i64>} : tensor<i64>, tensor<i64> -> tensor<f32>
    %n = varve.mul %r, %l : tensor<f32>
    varve.return %l, %l, %w, %n : tensor<f32>, tensor<f32>, tensor<3xf32>, tensor<f32>
  }
}

// -----

varve.program @lacking attributes {train = {shards = array<i64: 2, 1>}} {
  // expected-error @+1 {{has no step for a shard of 1}}
  varve.func @step(%i: tensor<2xi64> {kind = "indices", name = "indices"})
      -> ({kind = "loss", name = "loss"}) attributes {batch = 2, learns} {
    %l = varve.constant dense<0.0> : tensor<f32>
    varve.return %l : tensor<f32>
  }
}
