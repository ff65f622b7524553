// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.sum %{{.*}} {axis = array<i64: 1>} : tensor<2x3xf64> -> tensor<2xf64>
func.func @rows(%x: tensor<2x3xf64>) -> tensor<2xf64> {
  %y = varve.sum %x {axis = array<i64: 1>} : tensor<2x3xf64> -> tensor<2xf64>
  return %y : tensor<2xf64>
}

func.func @outer(%x: tensor<2x3x2xf64>) -> tensor<3xf64> {
  %y = varve.sum %x {axis = array<i64: 0, 2>} : tensor<2x3x2xf64> -> tensor<3xf64>
  return %y : tensor<3xf64>
}

func.func @all(%x: tensor<2x3xf64>) -> tensor<f64> {
  %y = varve.sum %x {axis = array<i64: 0, 1>} : tensor<2x3xf64> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @none(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.sum %x {axis = array<i64>} : tensor<2x3xf64> -> tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @keep(%x: tensor<2x3x2xf64>) -> tensor<2x1x2xf64> {
  %y = varve.sum %x {axis = array<i64: 1>, keepdims = true} : tensor<2x3x2xf64> -> tensor<2x1x2xf64>
  return %y : tensor<2x1x2xf64>
}

func.func @keep_all(%x: tensor<2x3xf64>) -> tensor<1x1xf64> {
  %y = varve.sum %x {axis = array<i64: 0, 1>, keepdims = true} : tensor<2x3xf64> -> tensor<1x1xf64>
  return %y : tensor<1x1xf64>
}

func.func @ones(%x: tensor<1x3x1xf64>) -> tensor<1xf64> {
  %y = varve.sum %x {axis = array<i64: 0, 1>} : tensor<1x3x1xf64> -> tensor<1xf64>
  return %y : tensor<1xf64>
}

func.func @keep_ones(%x: tensor<3x1x1xf64>) -> tensor<1x1x1xf64> {
  %y = varve.sum %x {axis = array<i64: 0>, keepdims = true} : tensor<3x1x1xf64> -> tensor<1x1x1xf64>
  return %y : tensor<1x1x1xf64>
}

func.func @values() -> tensor<2xf64> attributes {
  varve.want = [dense<[3.5, -7.25]> : tensor<2xf64>]
} {
  %x = varve.constant dense<[[1.5, -2.0, 4.0], [0.25, 0.5, -8.0]]> : tensor<2x3xf64>
  %y = varve.sum %x {axis = array<i64: 1>} : tensor<2x3xf64> -> tensor<2xf64>
  return %y : tensor<2xf64>
}

func.func @integers() -> tensor<2xi8> attributes {
  varve.want = [dense<[-56, -4]> : tensor<2xi8>]
} {
  %x = varve.constant dense<[[100, 100], [1, -5]]> : tensor<2x2xi8>
  %y = varve.sum %x {axis = array<i64: 1>} : tensor<2x2xi8> -> tensor<2xi8>
  return %y : tensor<2xi8>
}

// -----

// sum C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{are not axes of}}
  %y = varve.sum %x {axis = array<i64: 1, 0>} : tensor<2x3xf64> -> tensor<f64>
  return
}

// -----

// sum C1
func.func @c1_rank(%x: tensor<2xf64>) {
  // expected-error @+1 {{are not axes of}}
  %y = varve.sum %x {axis = array<i64: 1>} : tensor<2xf64> -> tensor<2xf64>
  return
}
