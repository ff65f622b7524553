// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.sign %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.sign %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64>) -> tensor<f64> {
  %y = varve.sign %x : tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<7xf64> attributes {
  varve.want = [dense<[-1.0, -1.0, 0.0, 1.0, 1.0, 0x7FF8000000000000, -1.0]> : tensor<7xf64>]
} {
  %x = varve.constant dense<[-1.5, -0.25, 0.0, 0.75, 2.0, 0x7FF8000000000000, 0xFFF0000000000000]> : tensor<7xf64>
  %y = varve.sign %x : tensor<7xf64>
  return %y : tensor<7xf64>
}

func.func @integers() -> tensor<4xi8> attributes {
  varve.want = [dense<[-1, -1, 0, 1]> : tensor<4xi8>]
} {
  %x = varve.constant dense<[-128, -3, 0, 5]> : tensor<4xi8>
  %y = varve.sign %x : tensor<4xi8>
  return %y : tensor<4xi8>
}

func.func @unsigned() -> tensor<3xui8> attributes {
  varve.want = [dense<[0, 1, 1]> : tensor<3xui8>]
} {
  %x = varve.constant dense<[0, 3, 200]> : tensor<3xui8>
  %y = varve.sign %x : tensor<3xui8>
  return %y : tensor<3xui8>
}

// -----

// sign C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.sign"(%x) : (tensor<2x3xf64>) -> tensor<3x2xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi1>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.sign %x : tensor<2xi1>
  return
}
