// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.remainder %{{.*}}, %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64> {varve.range = [0.6, 0.9]}, %y: tensor<2x3xf64> {varve.range = [0.4, 0.5]})
    -> tensor<2x3xf64> {
  %z = varve.remainder %x, %y : tensor<2x3xf64>
  return %z : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64> {varve.range = [0.6, 0.9]}, %y: tensor<f64> {varve.range = [0.4, 0.5]}) -> tensor<f64> {
  %z = varve.remainder %x, %y : tensor<f64>
  return %z : tensor<f64>
}

func.func @values() -> tensor<5xf64> attributes {
  varve.want = [dense<[0.0, -2.0, 2.0, 1.0, -0.5]> : tensor<5xf64>]
} {
  %x = varve.constant dense<[-1.5, 2.0, -7.0, 7.0, 5.5]> : tensor<5xf64>
  %y = varve.constant dense<[0.5, -4.0, 3.0, 3.0, -2.0]> : tensor<5xf64>
  %z = varve.remainder %x, %y : tensor<5xf64>
  return %z : tensor<5xf64>
}

func.func @integers() -> tensor<6xi8> attributes {
  varve.want = [dense<[0, 0, 1, -1, 0, 0]> : tensor<6xi8>]
} {
  %x = varve.constant dense<[-128, 100, -7, 7, 5, -128]> : tensor<6xi8>
  %y = varve.constant dense<[-1, 100, 2, -2, 0, 0]> : tensor<6xi8>
  %z = varve.remainder %x, %y : tensor<6xi8>
  return %z : tensor<6xi8>
}

func.func @unsigned() -> tensor<4xui8> attributes {
  varve.want = [dense<[0, 1, 3, 0]> : tensor<4xui8>]
} {
  %x = varve.constant dense<[200, 255, 3, 9]> : tensor<4xui8>
  %y = varve.constant dense<[100, 2, 7, 0]> : tensor<4xui8>
  %z = varve.remainder %x, %y : tensor<4xui8>
  return %z : tensor<4xui8>
}

func.func @largest() -> tensor<1xui64> attributes {
  varve.want = [dense<[1]> : tensor<1xui64>]
} {
  %x = varve.constant dense<[18446744073709551615]> : tensor<1xui64>
  %y = varve.constant dense<[2]> : tensor<1xui64>
  %z = varve.remainder %x, %y : tensor<1xui64>
  return %z : tensor<1xui64>
}

// -----

// remainder C1
func.func @c1(%x: tensor<2x3xf64>, %y: tensor<3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.remainder"(%x, %y) : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi1>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.remainder %x, %x : tensor<2xi1>
  return
}
