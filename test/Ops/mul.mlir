// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.mul %{{.*}}, %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64>, %y: tensor<2x3xf64>)
    -> tensor<2x3xf64> {
  %z = varve.mul %x, %y : tensor<2x3xf64>
  return %z : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64>, %y: tensor<f64>) -> tensor<f64> {
  %z = varve.mul %x, %y : tensor<f64>
  return %z : tensor<f64>
}

// The same value twice: its cotangents add up.
func.func @same(%x: tensor<3xf64>) -> tensor<3xf64> {
  %z = varve.mul %x, %x : tensor<3xf64>
  return %z : tensor<3xf64>
}

func.func @values() -> tensor<4xf64> attributes {
  varve.want = [dense<[-0.75, -8.0, 0.03125, 21.0]> : tensor<4xf64>]
} {
  %x = varve.constant dense<[-1.5, 2.0, 0.25, 7.0]> : tensor<4xf64>
  %y = varve.constant dense<[0.5, -4.0, 0.125, 3.0]> : tensor<4xf64>
  %z = varve.mul %x, %y : tensor<4xf64>
  return %z : tensor<4xf64>
}

func.func @integers() -> tensor<6xi8> attributes {
  varve.want = [dense<[-128, 16, -14, -14, 0, 0]> : tensor<6xi8>]
} {
  %x = varve.constant dense<[-128, 100, -7, 7, 5, -128]> : tensor<6xi8>
  %y = varve.constant dense<[-1, 100, 2, -2, 0, 0]> : tensor<6xi8>
  %z = varve.mul %x, %y : tensor<6xi8>
  return %z : tensor<6xi8>
}

func.func @unsigned() -> tensor<4xui8> attributes {
  varve.want = [dense<[32, 254, 21, 0]> : tensor<4xui8>]
} {
  %x = varve.constant dense<[200, 255, 3, 9]> : tensor<4xui8>
  %y = varve.constant dense<[100, 2, 7, 0]> : tensor<4xui8>
  %z = varve.mul %x, %y : tensor<4xui8>
  return %z : tensor<4xui8>
}

// -----

// mul C1
func.func @c1(%x: tensor<2x3xf64>, %y: tensor<3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.mul"(%x, %y) : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi1>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.mul %x, %x : tensor<2xi1>
  return
}
