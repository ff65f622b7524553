// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.square %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.square %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64>) -> tensor<f64> {
  %y = varve.square %x : tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<5xf64> attributes {
  varve.want = [dense<[2.25, 0.0625, 0.0, 0.5625, 4.0]> : tensor<5xf64>]
} {
  %x = varve.constant dense<[-1.5, -0.25, 0.0, 0.75, 2.0]> : tensor<5xf64>
  %y = varve.square %x : tensor<5xf64>
  return %y : tensor<5xf64>
}

func.func @integers() -> tensor<4xi8> attributes {
  varve.want = [dense<[9, 0, 25, -112]> : tensor<4xi8>]
} {
  %x = varve.constant dense<[-3, 0, 5, 12]> : tensor<4xi8>
  %y = varve.square %x : tensor<4xi8>
  return %y : tensor<4xi8>
}

// -----

// square C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.square"(%x) : (tensor<2x3xf64>) -> tensor<3x2xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi1>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.square %x : tensor<2xi1>
  return
}
