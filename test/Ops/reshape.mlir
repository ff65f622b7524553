// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @merge
// CHECK: varve.reshape %{{.*}} {shape = array<i64: 6>} : tensor<2x3xf64> -> tensor<6xf64>
func.func @merge(%x: tensor<2x3xf64>) -> tensor<6xf64> {
  %y = varve.reshape %x {shape = array<i64: 6>} : tensor<2x3xf64> -> tensor<6xf64>
  return %y : tensor<6xf64>
}

func.func @split(%x: tensor<6xf64>) -> tensor<3x2xf64> {
  %y = varve.reshape %x {shape = array<i64: 3, 2>} : tensor<6xf64> -> tensor<3x2xf64>
  return %y : tensor<3x2xf64>
}

func.func @other(%x: tensor<2x3xf64>) -> tensor<3x2xf64> {
  %y = varve.reshape %x {shape = array<i64: 3, 2>} : tensor<2x3xf64> -> tensor<3x2xf64>
  return %y : tensor<3x2xf64>
}

func.func @to_scalar(%x: tensor<1x1xf64>) -> tensor<f64> {
  %y = varve.reshape %x {shape = array<i64>} : tensor<1x1xf64> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @from_scalar(%x: tensor<f64>) -> tensor<1x1xf64> {
  %y = varve.reshape %x {shape = array<i64: 1, 1>} : tensor<f64> -> tensor<1x1xf64>
  return %y : tensor<1x1xf64>
}

func.func @same(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.reshape %x {shape = array<i64: 2, 3>} : tensor<2x3xf64> -> tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @ones(%x: tensor<1x2x1x3xui8>) -> tensor<2x1x3x1xui8> {
  %y = varve.reshape %x {shape = array<i64: 2, 1, 3, 1>} : tensor<1x2x1x3xui8> -> tensor<2x1x3x1xui8>
  return %y : tensor<2x1x3x1xui8>
}

func.func @open(%x: tensor<2x3xf64>) -> tensor<3x2xf64> {
  %y = varve.reshape %x {shape = array<i64: 3, -1>} : tensor<2x3xf64> -> tensor<3x2xf64>
  return %y : tensor<3x2xf64>
}

func.func @values() -> tensor<3x2xi32> attributes {
  varve.want = [dense<[[1, 2], [3, 4], [5, 6]]> : tensor<3x2xi32>]
} {
  %x = varve.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %y = varve.reshape %x {shape = array<i64: 3, 2>} : tensor<2x3xi32> -> tensor<3x2xi32>
  return %y : tensor<3x2xi32>
}

// -----

// reshape C1
func.func @c1(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{has 6 elements and does not fit}}
  %y = varve.reshape %x {shape = array<i64: 4, -1>} : tensor<2x3xf32> -> tensor<4x1xf32>
  return
}

// -----

// reshape C1
func.func @c1_two(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{does not fit}}
  %y = varve.reshape %x {shape = array<i64: -1, -1>} : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}
