// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.cumsum %{{.*}} {axis = 1 : i64} : tensor<2x3xf64>
func.func @rows(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.cumsum %x {axis = 1 : i64} : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @middle(%x: tensor<2x3x2xf64>) -> tensor<2x3x2xf64> {
  %y = varve.cumsum %x {axis = -2 : i64} : tensor<2x3x2xf64>
  return %y : tensor<2x3x2xf64>
}

func.func @values() -> (tensor<2x3xi8>, tensor<2x3xf64>) attributes {
  varve.want = [dense<[[100, -56, -55], [1, 3, 6]]> : tensor<2x3xi8>,
                dense<[[0.5, 1.0, 2.0], [4.5, 9.0, 18.0]]> : tensor<2x3xf64>]
} {
  %x = varve.constant dense<[[100, 100, 1], [1, 2, 3]]> : tensor<2x3xi8>
  %y = varve.cumsum %x {axis = 1 : i64} : tensor<2x3xi8>
  %v = varve.constant dense<[[0.5, 1.0, 2.0], [4.0, 8.0, 16.0]]> : tensor<2x3xf64>
  %w = varve.cumsum %v {axis = 0 : i64} : tensor<2x3xf64>
  return %y, %w : tensor<2x3xi8>, tensor<2x3xf64>
}

// -----

// cumsum C1
func.func @c1(%x: tensor<2xf32>) {
  // expected-error @+1 {{axis 1 is not an axis of}}
  %y = varve.cumsum %x {axis = 1 : i64} : tensor<2xf32>
  return
}
