// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.rsqrt %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64> {varve.range = [0.5, 2.0]}) -> tensor<2x3xf64> {
  %y = varve.rsqrt %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64> {varve.range = [0.5, 2.0]}) -> tensor<f64> {
  %y = varve.rsqrt %x : tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<4xf64> attributes {
  varve.want = [dense<[2.0, 1.0, 0.7071067811865475, 0.31622776601683794]> : tensor<4xf64>]
} {
  %x = varve.constant dense<[0.25, 1.0, 2.0, 10.0]> : tensor<4xf64>
  %y = varve.rsqrt %x : tensor<4xf64>
  return %y : tensor<4xf64>
}

// -----

// rsqrt C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.rsqrt"(%x) : (tensor<2x3xf64>) -> tensor<3x2xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi32>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.rsqrt %x : tensor<2xi32>
  return
}
