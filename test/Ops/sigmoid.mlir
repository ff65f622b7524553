// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.sigmoid %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.sigmoid %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64>) -> tensor<f64> {
  %y = varve.sigmoid %x : tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<7xf64> attributes {
  varve.want = [dense<[0.18242552380635635, 0.43782349911420193, 0.5, 0.679178699175393, 0.8807970779778823, 0.0, 1.0]> : tensor<7xf64>]
} {
  %x = varve.constant dense<[-1.5, -0.25, 0.0, 0.75, 2.0, -800.0, 800.0]> : tensor<7xf64>
  %y = varve.sigmoid %x : tensor<7xf64>
  return %y : tensor<7xf64>
}

// -----

// sigmoid C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.sigmoid"(%x) : (tensor<2x3xf64>) -> tensor<3x2xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi32>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.sigmoid %x : tensor<2xi32>
  return
}
