// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.erf %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.erf %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64>) -> tensor<f64> {
  %y = varve.erf %x : tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<6xf64> attributes {
  varve.want = [dense<[-0.9661051464753108, -0.2763263901682369, 0.0, 0.7111556336535151, 0.9953222650189527, 1.0]> : tensor<6xf64>]
} {
  %x = varve.constant dense<[-1.5, -0.25, 0.0, 0.75, 2.0, 7.0]> : tensor<6xf64>
  %y = varve.erf %x : tensor<6xf64>
  return %y : tensor<6xf64>
}

// -----

// erf C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.erf"(%x) : (tensor<2x3xf64>) -> tensor<3x2xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi32>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.erf %x : tensor<2xi32>
  return
}
