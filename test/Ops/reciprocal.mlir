// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.reciprocal %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.reciprocal %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64>) -> tensor<f64> {
  %y = varve.reciprocal %x : tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<4xf64> attributes {
  varve.want = [dense<[-0.5, 2.0, 0.25, 0x7FF0000000000000]> : tensor<4xf64>]
} {
  %x = varve.constant dense<[-2.0, 0.5, 4.0, 0.0]> : tensor<4xf64>
  %y = varve.reciprocal %x : tensor<4xf64>
  return %y : tensor<4xf64>
}

// -----

// reciprocal C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.reciprocal"(%x) : (tensor<2x3xf64>) -> tensor<3x2xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi32>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.reciprocal %x : tensor<2xi32>
  return
}
