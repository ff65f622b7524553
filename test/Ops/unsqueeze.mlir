// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @between
// CHECK: varve.unsqueeze %{{.*}} {axis = array<i64: 1, 3>} : tensor<2x3xf64> -> tensor<2x1x3x1xf64>
func.func @between(%x: tensor<2x3xf64>) -> tensor<2x1x3x1xf64> {
  %y = varve.unsqueeze %x {axis = array<i64: 1, 3>} : tensor<2x3xf64> -> tensor<2x1x3x1xf64>
  return %y : tensor<2x1x3x1xf64>
}

func.func @scalar() -> tensor<1xi32> attributes {
  varve.want = [dense<7> : tensor<1xi32>]
} {
  %x = varve.constant dense<7> : tensor<i32>
  %y = varve.unsqueeze %x {axis = array<i64: 0>} : tensor<i32> -> tensor<1xi32>
  return %y : tensor<1xi32>
}

// -----

// unsqueeze C1
func.func @c1(%x: tensor<2xf32>) {
  // expected-error @+1 {{are no new axes of}}
  %y = varve.unsqueeze %x {axis = array<i64: 2>} : tensor<2xf32> -> tensor<2x1xf32>
  return
}
