// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.abs %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.abs %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64>) -> tensor<f64> {
  %y = varve.abs %x : tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<6xf64> attributes {
  varve.want = [dense<[1.5, 0.25, 0.0, 0.75, 2.0, 0x7FF0000000000000]> : tensor<6xf64>]
} {
  %x = varve.constant dense<[-1.5, -0.25, 0.0, 0.75, 2.0, 0xFFF0000000000000]> : tensor<6xf64>
  %y = varve.abs %x : tensor<6xf64>
  return %y : tensor<6xf64>
}

func.func @integers() -> tensor<4xi8> attributes {
  varve.want = [dense<[-128, 3, 0, 5]> : tensor<4xi8>]
} {
  %x = varve.constant dense<[-128, -3, 0, 5]> : tensor<4xi8>
  %y = varve.abs %x : tensor<4xi8>
  return %y : tensor<4xi8>
}

func.func @unsigned() -> tensor<3xui8> attributes {
  varve.want = [dense<[0, 3, 255]> : tensor<3xui8>]
} {
  %x = varve.constant dense<[0, 3, 255]> : tensor<3xui8>
  %y = varve.abs %x : tensor<3xui8>
  return %y : tensor<3xui8>
}

// -----

// abs C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.abs"(%x) : (tensor<2x3xf64>) -> tensor<3x2xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi1>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.abs %x : tensor<2xi1>
  return
}
