// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.stop_gradient %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.stop_gradient %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64>) -> tensor<f64> {
  %y = varve.stop_gradient %x : tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<5xf64> attributes {
  varve.want = [dense<[-1.5, -0.25, 0.0, 0.75, 2.0]> : tensor<5xf64>]
} {
  %x = varve.constant dense<[-1.5, -0.25, 0.0, 0.75, 2.0]> : tensor<5xf64>
  %y = varve.stop_gradient %x : tensor<5xf64>
  return %y : tensor<5xf64>
}

// -----

// stop_gradient C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.stop_gradient"(%x) : (tensor<2x3xf64>) -> tensor<3x2xf64>
  return
}
