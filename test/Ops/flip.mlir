// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.flip %{{.*}} {axis = array<i64: 0>} : tensor<2x3xf64>
func.func @rows(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.flip %x {axis = array<i64: 0>} : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @values() -> (tensor<2x3xi32>, tensor<2x3xi32>) attributes {
  varve.want = [dense<[[3, 2, 1], [6, 5, 4]]> : tensor<2x3xi32>,
                dense<[[6, 5, 4], [3, 2, 1]]> : tensor<2x3xi32>]
} {
  %x = varve.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %y = varve.flip %x {axis = array<i64: -1>} : tensor<2x3xi32>
  %z = varve.flip %x {axis = array<i64: 0, 1>} : tensor<2x3xi32>
  return %y, %z : tensor<2x3xi32>, tensor<2x3xi32>
}

// -----

// flip C1
func.func @c1(%x: tensor<2xf32>) {
  // expected-error @+1 {{are not axes of}}
  %y = varve.flip %x {axis = array<i64: 0, -1>} : tensor<2xf32>
  return
}
