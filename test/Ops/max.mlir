// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.max %{{.*}} {axis = array<i64: 1>} : tensor<2x3xf64> -> tensor<2xf64>
func.func @rows(%x: tensor<2x3xf64>) -> tensor<2xf64> {
  %y = varve.max %x {axis = array<i64: 1>} : tensor<2x3xf64> -> tensor<2xf64>
  return %y : tensor<2xf64>
}

func.func @outer(%x: tensor<2x3x2xf64>) -> tensor<3xf64> {
  %y = varve.max %x {axis = array<i64: 0, 2>} : tensor<2x3x2xf64> -> tensor<3xf64>
  return %y : tensor<3xf64>
}

func.func @all(%x: tensor<2x3xf64>) -> tensor<f64> {
  %y = varve.max %x {axis = array<i64: 0, 1>} : tensor<2x3xf64> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @none(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.max %x {axis = array<i64>} : tensor<2x3xf64> -> tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @keep(%x: tensor<2x3x2xf64>) -> tensor<2x1x2xf64> {
  %y = varve.max %x {axis = array<i64: 1>, keepdims = true} : tensor<2x3x2xf64> -> tensor<2x1x2xf64>
  return %y : tensor<2x1x2xf64>
}

func.func @keep_all(%x: tensor<2x3xf64>) -> tensor<1x1xf64> {
  %y = varve.max %x {axis = array<i64: 0, 1>, keepdims = true} : tensor<2x3xf64> -> tensor<1x1xf64>
  return %y : tensor<1x1xf64>
}

func.func @ones(%x: tensor<1x3x1xf64>) -> tensor<1xf64> {
  %y = varve.max %x {axis = array<i64: 0, 1>} : tensor<1x3x1xf64> -> tensor<1xf64>
  return %y : tensor<1xf64>
}

func.func @keep_ones(%x: tensor<3x1x1xf64>) -> tensor<1x1x1xf64> {
  %y = varve.max %x {axis = array<i64: 0>, keepdims = true} : tensor<3x1x1xf64> -> tensor<1x1x1xf64>
  return %y : tensor<1x1x1xf64>
}

func.func @values() -> tensor<4xf64> attributes {
  varve.want = [dense<[4.0, 0.5, 0x7FF8000000000000, 0xFFF0000000000000]> : tensor<4xf64>]
} {
  %x = varve.constant dense<[[1.5, -2.0, 4.0], [0.25, 0.5, -8.0], [1.0, 0x7FF8000000000000, 2.0], [0xFFF0000000000000, 0xFFF0000000000000, 0xFFF0000000000000]]> : tensor<4x3xf64>
  %y = varve.max %x {axis = array<i64: 1>} : tensor<4x3xf64> -> tensor<4xf64>
  return %y : tensor<4xf64>
}

func.func @integers() -> tensor<2xi8> attributes {
  varve.want = [dense<[-5, 1]> : tensor<2xi8>]
} {
  %x = varve.constant dense<[[-128, -5], [1, -5]]> : tensor<2x2xi8>
  %y = varve.max %x {axis = array<i64: 1>} : tensor<2x2xi8> -> tensor<2xi8>
  return %y : tensor<2xi8>
}

func.func @unsigned() -> tensor<2xui8> attributes {
  varve.want = [dense<[200, 0]> : tensor<2xui8>]
} {
  %x = varve.constant dense<[[200, 5], [0, 0]]> : tensor<2x2xui8>
  %y = varve.max %x {axis = array<i64: 1>} : tensor<2x2xui8> -> tensor<2xui8>
  return %y : tensor<2xui8>
}

// -----

// max C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{are not axes of}}
  %y = varve.max %x {axis = array<i64: 1, 0>} : tensor<2x3xf64> -> tensor<f64>
  return
}

// -----

// max C1
func.func @c1_rank(%x: tensor<2xf64>) {
  // expected-error @+1 {{are not axes of}}
  %y = varve.max %x {axis = array<i64: 1>} : tensor<2xf64> -> tensor<2xf64>
  return
}
