// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @columns
// CHECK: varve.split %{{.*}} {axis = 1 : i64, parts = 2 : i64} : tensor<2x4xf64> -> tensor<2x2xf64>, tensor<2x2xf64>
func.func @columns(%x: tensor<2x4xf64>) -> (tensor<2x2xf64>, tensor<2x2xf64>) {
  %y, %z = varve.split %x {axis = 1 : i64, parts = 2 : i64} : tensor<2x4xf64> -> tensor<2x2xf64>, tensor<2x2xf64>
  return %y, %z : tensor<2x2xf64>, tensor<2x2xf64>
}

// A part that nothing uses has no cotangent.
func.func @one(%x: tensor<6xf64>) -> tensor<2xf64> {
  %y, %z, %w = varve.split %x {axis = 0 : i64, parts = 3 : i64} : tensor<6xf64> -> tensor<2xf64>, tensor<2xf64>, tensor<2xf64>
  return %z : tensor<2xf64>
}

func.func @values() -> (tensor<2x1xi32>, tensor<2x1xi32>) attributes {
  varve.want = [dense<[[1], [3]]> : tensor<2x1xi32>,
                dense<[[2], [4]]> : tensor<2x1xi32>]
} {
  %x = varve.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi32>
  %y, %z = varve.split %x {axis = -1 : i64, parts = 2 : i64} : tensor<2x2xi32> -> tensor<2x1xi32>, tensor<2x1xi32>
  return %y, %z : tensor<2x1xi32>, tensor<2x1xi32>
}

// -----

// split C1
func.func @c1(%x: tensor<5xf32>) {
  // expected-error @+1 {{cannot split axis 0}}
  %y, %z = varve.split %x {axis = 0 : i64, parts = 2 : i64} : tensor<5xf32> -> tensor<2xf32>, tensor<2xf32>
  return
}
