// RUN: varve-opt %s --pass-pipeline='builtin.module(varve.program(varve-find-nan))' | FileCheck %s

// The input, the state and the two operations are numbered; the smallest
// number whose value has a NaN is a result, and whether one stays in the loss
// or the state. What was computed stays as it is.
// CHECK-LABEL: varve.program @net
// CHECK-SAME:    operations = ["input `x`", "`w` before the step", "`log`{{.*}}", "`mul`{{.*}}"]
// CHECK:         -> ({kind = "loss", name = "loss"}, {kind = "output", name = "first_nan"}, {kind = "output", name = "first_infinite"}, {kind = "output", name = "nan_stays"}) updates(@w)
// CHECK:         %[[Y:.*]] = varve.log
// CHECK:         varve.compare "ne" %[[Y]], %[[Y]] : tensor<f32>
// CHECK:         %[[TWO:.*]] = varve.constant dense<2> : tensor<i64>
// CHECK:         varve.where %{{.*}}, %[[TWO]],
// CHECK:         %[[Z:.*]] = varve.mul %[[Y]]
// CHECK:         varve.return %[[Y]], %{{.*}}, %{{.*}}, %{{.*}}, %[[Z]] : tensor<f32>, tensor<i64>, tensor<i64>, tensor<i1>, tensor<f32>
varve.program @net {
  varve.state @w : tensor<f32> {role = "param"}
  varve.func @step(%x: tensor<f32> {kind = "input", name = "x"})
      uses(%w = @w : tensor<f32>)
      -> ({kind = "loss", name = "loss"}) updates(@w) {
    %y = varve.log %x : tensor<f32>
    %z = varve.mul %y, %w : tensor<f32>
    varve.return %y, %z : tensor<f32>, tensor<f32>
  }
}
