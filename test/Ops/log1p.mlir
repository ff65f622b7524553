// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.log1p %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64> {varve.range = [-0.5, 2.0]}) -> tensor<2x3xf64> {
  %y = varve.log1p %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64> {varve.range = [-0.5, 2.0]}) -> tensor<f64> {
  %y = varve.log1p %x : tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<4xf64> attributes {
  varve.want = [dense<[-0.6931471805599453, 0.0, 9.999999999500001e-11, 1.3862943611198906]> : tensor<4xf64>]
} {
  %x = varve.constant dense<[-0.5, 0.0, 1.0e-10, 3.0]> : tensor<4xf64>
  %y = varve.log1p %x : tensor<4xf64>
  return %y : tensor<4xf64>
}

// -----

// log1p C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.log1p"(%x) : (tensor<2x3xf64>) -> tensor<3x2xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi32>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.log1p %x : tensor<2xi32>
  return
}
