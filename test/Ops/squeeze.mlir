// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @between
// CHECK: varve.squeeze %{{.*}} {axis = array<i64: 1, 3>} : tensor<2x1x3x1xf64> -> tensor<2x3xf64>
func.func @between(%x: tensor<2x1x3x1xf64>) -> tensor<2x3xf64> {
  %y = varve.squeeze %x {axis = array<i64: 1, 3>} : tensor<2x1x3x1xf64> -> tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @scalar() -> tensor<i32> attributes {
  varve.want = [dense<7> : tensor<i32>]
} {
  %x = varve.constant dense<7> : tensor<1xi32>
  %y = varve.squeeze %x {axis = array<i64: 0>} : tensor<1xi32> -> tensor<i32>
  return %y : tensor<i32>
}

// -----

// squeeze C1
func.func @c1(%x: tensor<2xf32>) {
  // expected-error @+1 {{are not axes of size 1}}
  %y = varve.squeeze %x {axis = array<i64: 0>} : tensor<2xf32> -> tensor<f32>
  return
}
