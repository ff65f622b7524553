// RUN: varve-opt %s --pass-pipeline='builtin.module(varve.program(varve-set-precision))' --split-input-file | FileCheck %s

// Products of f32 alone become narrow, and give f32 again.
// CHECK-LABEL: varve.program @bf16
// CHECK-NOT:     loss_scale
// CHECK:         %[[X:.*]] = varve.cast %{{.*}} {to = bf16} : tensor<2x3xf32> -> tensor<2x3xbf16>
// CHECK:         %[[Z:.*]] = varve.matmul %[[X]], %{{.*}} : tensor<2x3xbf16>, tensor<3x4xbf16> -> tensor<2x4xbf16>
// CHECK:         %[[F:.*]] = varve.cast %[[Z]] {to = f32} : tensor<2x4xbf16> -> tensor<2x4xf32>
// CHECK:         varve.relu %[[F]] : tensor<2x4xf32>
// CHECK:         varve.matmul %{{.*}} : tensor<2x2xf64>, tensor<2x2xf64> -> tensor<2x2xf64>
varve.program @bf16 attributes {train = {precision = bf16}} {
  varve.state @step : tensor<i64> {role = "counter"}
  varve.func @infer(%x: tensor<2x3xf32> {kind = "input", name = "x"},
                    %y: tensor<3x4xf32> {kind = "input", name = "y"},
                    %d: tensor<2x2xf64> {kind = "input", name = "d"})
      -> ({kind = "output", name = "o"}, {kind = "output", name = "p"}) {
    %z = varve.matmul %x, %y : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf32>
    %r = varve.relu %z : tensor<2x4xf32>
    %e = varve.matmul %d, %d : tensor<2x2xf64>, tensor<2x2xf64> -> tensor<2x2xf64>
    varve.return %r, %e : tensor<2x4xf32>, tensor<2x2xf64>
  }
}

// -----

// f16 declares the scale of the loss.
// CHECK-LABEL: varve.program @f16
// CHECK:         varve.state @"step:loss_scale" : tensor<f32> {a = 6.553600e+04 : f64, role = "counter"}
// CHECK:         varve.state @"step:finite_steps" : tensor<i64> {role = "counter"}
varve.program @f16 attributes {train = {precision = f16}} {
  varve.state @step : tensor<i64> {role = "counter"}
}

// -----

// A program without `train`, of an ONNX model, says it by itself.
// CHECK-LABEL: varve.program @alone
// CHECK:         varve.matmul %{{.*}} : tensor<2x3xbf16>, tensor<3x4xbf16> -> tensor<2x4xbf16>
varve.program @alone attributes {varve.precision = bf16} {
  varve.func @infer(%x: tensor<2x3xf32> {kind = "input", name = "x"},
                    %y: tensor<3x4xf32> {kind = "input", name = "y"})
      -> ({kind = "output", name = "o"}) {
    %z = varve.matmul %x, %y : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf32>
    varve.return %z : tensor<2x4xf32>
  }
}
