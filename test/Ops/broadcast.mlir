// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @right
// CHECK: varve.broadcast %{{.*}} {shape = array<i64: 4, 2, 3>} : tensor<2x3xf64> -> tensor<4x2x3xf64>
func.func @right(%x: tensor<2x3xf64>) -> tensor<4x2x3xf64> {
  %y = varve.broadcast %x {shape = array<i64: 4, 2, 3>} : tensor<2x3xf64> -> tensor<4x2x3xf64>
  return %y : tensor<4x2x3xf64>
}

func.func @left(%x: tensor<2x3xf64>) -> tensor<2x3x4xf64> {
  %y = varve.broadcast %x {shape = array<i64: 2, 3, 4>, axis = array<i64: 0, 1>} : tensor<2x3xf64> -> tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// Axes of size 1 stretch, at the ends and between.
func.func @stretch(%x: tensor<1x3x1xf64>) -> tensor<2x3x4xf64> {
  %y = varve.broadcast %x {shape = array<i64: 2, 3, 4>} : tensor<1x3x1xf64> -> tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

func.func @between(%x: tensor<2x1x3xf64>) -> tensor<2x4x3xf64> {
  %y = varve.broadcast %x {shape = array<i64: 2, 4, 3>} : tensor<2x1x3xf64> -> tensor<2x4x3xf64>
  return %y : tensor<2x4x3xf64>
}

func.func @ones(%x: tensor<1x1xf64>) -> tensor<1x4xf64> {
  %y = varve.broadcast %x {shape = array<i64: 1, 4>} : tensor<1x1xf64> -> tensor<1x4xf64>
  return %y : tensor<1x4xf64>
}

func.func @scalar(%x: tensor<f64>) -> tensor<2x2xf64> {
  %y = varve.broadcast %x {shape = array<i64: 2, 2>} : tensor<f64> -> tensor<2x2xf64>
  return %y : tensor<2x2xf64>
}

func.func @values() -> tensor<3x2xi32> attributes {
  varve.want = [dense<[[1, 1], [2, 2], [3, 3]]> : tensor<3x2xi32>]
} {
  %x = varve.constant dense<[1, 2, 3]> : tensor<3xi32>
  %y = varve.broadcast %x {shape = array<i64: 3, 2>, axis = array<i64: 0>} : tensor<3xi32> -> tensor<3x2xi32>
  return %y : tensor<3x2xi32>
}

// -----

// broadcast C1
func.func @c1(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{does not broadcast to [2, 3]}}
  %y = varve.broadcast %x {shape = array<i64: 2, 3>, axis = array<i64: 1, 0>} : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}

// -----

// broadcast C1
func.func @c1_rank(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{do not fit}}
  %y = varve.broadcast %x {shape = array<i64: 3>} : tensor<2x3xf32> -> tensor<3xf32>
  return
}

// -----

// broadcast C2
func.func @c2(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{axis 0 of}}
  %y = varve.broadcast %x {shape = array<i64: 4, 3>} : tensor<2x3xf32> -> tensor<4x3xf32>
  return
}
