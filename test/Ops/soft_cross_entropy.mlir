// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.soft_cross_entropy %{{.*}}, %{{.*}} : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<f64>
func.func @matrix(%x: tensor<4x3xf64>, %t: tensor<4x3xf64> {varve.range = [0.1, 0.9]}) -> tensor<f64> {
  %y = varve.soft_cross_entropy %x, %t : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @row(%x: tensor<3xf64>, %t: tensor<3xf64>) -> tensor<f64> {
  %y = varve.soft_cross_entropy %x, %t : tensor<3xf64>, tensor<3xf64> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<f64> attributes {
  varve.want = [dense<2.345046666979416> : tensor<f64>]
} {
  %x = varve.constant dense<[[1.0, 2.0, -0.5], [0.25, -1.0, 3.0]]> : tensor<2x3xf64>
  %t = varve.constant dense<[[0.2, 0.3, 0.5], [1.0, 0.0, 0.5]]> : tensor<2x3xf64>
  %y = varve.soft_cross_entropy %x, %t : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<f64>
  return %y : tensor<f64>
}

// -----

// soft_cross_entropy C1
func.func @c1(%x: tensor<2x3xf32>, %t: tensor<3xf32>) {
  // expected-error @+1 {{does not suit logits}}
  %y = varve.soft_cross_entropy %x, %t : tensor<2x3xf32>, tensor<3xf32> -> tensor<f32>
  return
}
