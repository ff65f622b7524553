// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.maximum %{{.*}}, %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64>, %y: tensor<2x3xf64>)
    -> tensor<2x3xf64> {
  %z = varve.maximum %x, %y : tensor<2x3xf64>
  return %z : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64>, %y: tensor<f64>) -> tensor<f64> {
  %z = varve.maximum %x, %y : tensor<f64>
  return %z : tensor<f64>
}

func.func @values() -> tensor<7xf64> attributes {
  varve.want = [dense<[0.5, 2.0, 0.25, 7.0, 0x7FF8000000000000, 0x7FF8000000000000, 0x7FF0000000000000]> : tensor<7xf64>]
} {
  %x = varve.constant dense<[-1.5, 2.0, 0.25, 7.0, 0x7FF8000000000000, 1.0, 0xFFF0000000000000]> : tensor<7xf64>
  %y = varve.constant dense<[0.5, -4.0, 0.125, 3.0, 1.0, 0x7FF8000000000000, 0x7FF0000000000000]> : tensor<7xf64>
  %z = varve.maximum %x, %y : tensor<7xf64>
  return %z : tensor<7xf64>
}

func.func @integers() -> tensor<6xi8> attributes {
  varve.want = [dense<[-1, 100, 2, 7, 5, 0]> : tensor<6xi8>]
} {
  %x = varve.constant dense<[-128, 100, -7, 7, 5, -128]> : tensor<6xi8>
  %y = varve.constant dense<[-1, 100, 2, -2, 0, 0]> : tensor<6xi8>
  %z = varve.maximum %x, %y : tensor<6xi8>
  return %z : tensor<6xi8>
}

func.func @unsigned() -> tensor<4xui8> attributes {
  varve.want = [dense<[200, 255, 7, 9]> : tensor<4xui8>]
} {
  %x = varve.constant dense<[200, 255, 3, 9]> : tensor<4xui8>
  %y = varve.constant dense<[100, 2, 7, 0]> : tensor<4xui8>
  %z = varve.maximum %x, %y : tensor<4xui8>
  return %z : tensor<4xui8>
}

func.func @largest() -> tensor<1xui64> attributes {
  varve.want = [dense<[18446744073709551615]> : tensor<1xui64>]
} {
  %x = varve.constant dense<[18446744073709551615]> : tensor<1xui64>
  %y = varve.constant dense<[2]> : tensor<1xui64>
  %z = varve.maximum %x, %y : tensor<1xui64>
  return %z : tensor<1xui64>
}

// -----

// maximum C1
func.func @c1(%x: tensor<2x3xf64>, %y: tensor<3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.maximum"(%x, %y) : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi1>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.maximum %x, %x : tensor<2xi1>
  return
}
