// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.floor %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.floor %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64>) -> tensor<f64> {
  %y = varve.floor %x : tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<8xf64> attributes {
  varve.want = [dense<[-2.0, -1.0, -1.0, 0.0, 1.0, 2.0, 2.0, 4503599627370497.0]> : tensor<8xf64>]
} {
  %x = varve.constant dense<[-1.5, -0.5, -0.25, 0.5, 1.5, 2.5, 2.75, 4503599627370497.0]> : tensor<8xf64>
  %y = varve.floor %x : tensor<8xf64>
  return %y : tensor<8xf64>
}

func.func @integers() -> tensor<3xi32> attributes {
  varve.want = [dense<[-3, 0, 5]> : tensor<3xi32>]
} {
  %x = varve.constant dense<[-3, 0, 5]> : tensor<3xi32>
  %y = varve.floor %x : tensor<3xi32>
  return %y : tensor<3xi32>
}

// -----

// floor C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.floor"(%x) : (tensor<2x3xf64>) -> tensor<3x2xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi1>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.floor %x : tensor<2xi1>
  return
}
