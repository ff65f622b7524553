// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @last
// CHECK: varve.transpose %{{.*}} : tensor<2x3x4xf64> -> tensor<2x4x3xf64>
func.func @last(%x: tensor<2x3x4xf64>) -> tensor<2x4x3xf64> {
  %y = varve.transpose %x : tensor<2x3x4xf64> -> tensor<2x4x3xf64>
  return %y : tensor<2x4x3xf64>
}

func.func @cycle(%x: tensor<2x3x4xf64>) -> tensor<4x2x3xf64> {
  %y = varve.transpose %x {perm = array<i64: 2, 0, 1>} : tensor<2x3x4xf64> -> tensor<4x2x3xf64>
  return %y : tensor<4x2x3xf64>
}

func.func @scalar(%x: tensor<f64>) -> tensor<f64> {
  %y = varve.transpose %x {perm = array<i64>} : tensor<f64> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<2x2x1xi32> attributes {
  varve.want = [dense<[[[1], [3]], [[2], [4]]]> : tensor<2x2x1xi32>]
} {
  %x = varve.constant dense<[[[1, 2], [3, 4]]]> : tensor<1x2x2xi32>
  %y = varve.transpose %x {perm = array<i64: 2, 1, 0>} : tensor<1x2x2xi32> -> tensor<2x2x1xi32>
  return %y : tensor<2x2x1xi32>
}

// -----

// transpose C1
func.func @c1(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{is no permutation}}
  %y = varve.transpose %x {perm = array<i64: 0, 0>} : tensor<2x3xf32> -> tensor<2x2xf32>
  return
}

// -----

// transpose C1
func.func @c1_rank(%x: tensor<2xf32>) {
  // expected-error @+1 {{cannot transpose}}
  %y = varve.transpose %x : tensor<2xf32> -> tensor<2xf32>
  return
}
