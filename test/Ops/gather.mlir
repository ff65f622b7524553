// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.gather %{{.*}}, %{{.*}} : tensor<5x3xf64>, tensor<4xi64> -> tensor<4x3xf64>
func.func @rows(%x: tensor<5x3xf64>, %i: tensor<4xi64> {varve.range = [0, 4]}) -> tensor<4x3xf64> {
  %y = varve.gather %x, %i : tensor<5x3xf64>, tensor<4xi64> -> tensor<4x3xf64>
  return %y : tensor<4x3xf64>
}

// One index twice: what it names gets both cotangents.
func.func @middle(%x: tensor<2x3x2xf64>, %i: tensor<2x2xui8>) -> tensor<2x2x2x2xf64> {
  %y = varve.gather %x, %i {axis = 1 : i64} : tensor<2x3x2xf64>, tensor<2x2xui8> -> tensor<2x2x2x2xf64>
  return %y : tensor<2x2x2x2xf64>
}

func.func @one(%x: tensor<3x2xf64>, %i: tensor<i32>) -> tensor<3xf64> {
  %y = varve.gather %x, %i {axis = -1 : i64} : tensor<3x2xf64>, tensor<i32> -> tensor<3xf64>
  return %y : tensor<3xf64>
}

// Held to the axis.
func.func @values() -> tensor<4xi32> attributes {
  varve.want = [dense<[30, 10, 30, 10]> : tensor<4xi32>]
} {
  %x = varve.constant dense<[10, 20, 30]> : tensor<3xi32>
  %i = varve.constant dense<[2, 0, 99, -1]> : tensor<4xi64>
  %y = varve.gather %x, %i : tensor<3xi32>, tensor<4xi64> -> tensor<4xi32>
  return %y : tensor<4xi32>
}

func.func @unsigned() -> tensor<1xi32> attributes {
  varve.want = [dense<200> : tensor<1xi32>]
} {
  %x = varve.iota {axis = 0 : i64, dtype = i32, shape = array<i64: 300>} : tensor<300xi32>
  %i = varve.constant dense<200> : tensor<1xui8>
  %y = varve.gather %x, %i : tensor<300xi32>, tensor<1xui8> -> tensor<1xi32>
  return %y : tensor<1xi32>
}

// -----

// gather C1
func.func @c1(%x: tensor<2xf32>, %i: tensor<1xi64>) {
  // expected-error @+1 {{axis 1 is not an axis of}}
  %y = varve.gather %x, %i {axis = 1 : i64} : tensor<2xf32>, tensor<1xi64> -> tensor<1xf32>
  return
}

// -----

// gather C2
func.func @c2(%x: tensor<0xf32>, %i: tensor<1xi64>) {
  // expected-error @+1 {{is empty}}
  %y = varve.gather %x, %i : tensor<0xf32>, tensor<1xi64> -> tensor<1xf32>
  return
}
