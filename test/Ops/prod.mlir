// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.prod %{{.*}} {axis = array<i64: 1>} : tensor<2x3xf64> -> tensor<2xf64>
func.func @rows(%x: tensor<2x3xf64>) -> tensor<2xf64> {
  %y = varve.prod %x {axis = array<i64: 1>} : tensor<2x3xf64> -> tensor<2xf64>
  return %y : tensor<2xf64>
}

func.func @outer(%x: tensor<2x3x2xf64>) -> tensor<3xf64> {
  %y = varve.prod %x {axis = array<i64: 0, 2>} : tensor<2x3x2xf64> -> tensor<3xf64>
  return %y : tensor<3xf64>
}

func.func @all(%x: tensor<2x3xf64>) -> tensor<f64> {
  %y = varve.prod %x {axis = array<i64: 0, 1>} : tensor<2x3xf64> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @none(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.prod %x {axis = array<i64>} : tensor<2x3xf64> -> tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @keep(%x: tensor<2x3x2xf64>) -> tensor<2x1x2xf64> {
  %y = varve.prod %x {axis = array<i64: 1>, keepdims = true} : tensor<2x3x2xf64> -> tensor<2x1x2xf64>
  return %y : tensor<2x1x2xf64>
}

func.func @keep_all(%x: tensor<2x3xf64>) -> tensor<1x1xf64> {
  %y = varve.prod %x {axis = array<i64: 0, 1>, keepdims = true} : tensor<2x3xf64> -> tensor<1x1xf64>
  return %y : tensor<1x1xf64>
}

func.func @ones(%x: tensor<1x3x1xf64>) -> tensor<1xf64> {
  %y = varve.prod %x {axis = array<i64: 0, 1>} : tensor<1x3x1xf64> -> tensor<1xf64>
  return %y : tensor<1xf64>
}

func.func @keep_ones(%x: tensor<3x1x1xf64>) -> tensor<1x1x1xf64> {
  %y = varve.prod %x {axis = array<i64: 0>, keepdims = true} : tensor<3x1x1xf64> -> tensor<1x1x1xf64>
  return %y : tensor<1x1x1xf64>
}

func.func @values() -> tensor<2xf64> attributes {
  varve.want = [dense<[-12.0, -1.0]> : tensor<2xf64>]
} {
  %x = varve.constant dense<[[1.5, -2.0, 4.0], [0.25, 0.5, -8.0]]> : tensor<2x3xf64>
  %y = varve.prod %x {axis = array<i64: 1>} : tensor<2x3xf64> -> tensor<2xf64>
  return %y : tensor<2xf64>
}

func.func @integers() -> tensor<2xi8> attributes {
  varve.want = [dense<[44, -35]> : tensor<2xi8>]
} {
  %x = varve.constant dense<[[100, 3], [7, -5]]> : tensor<2x2xi8>
  %y = varve.prod %x {axis = array<i64: 1>} : tensor<2x2xi8> -> tensor<2xi8>
  return %y : tensor<2xi8>
}

// Where a factor is 0 its gradient is the product of the others.
func.func @zeros(%x: tensor<2xf64>) -> tensor<f64> {
  %zero = varve.constant dense<0.0> : tensor<1xf64>
  %part = varve.slice %x {begin = array<i64: 0>, end = array<i64: 1>,
      step = array<i64: 1>} : tensor<2xf64> -> tensor<1xf64>
  %none = varve.mul %part, %zero : tensor<1xf64>
  %all = varve.concat %x, %none {axis = 0 : i64}
      : tensor<2xf64>, tensor<1xf64> -> tensor<3xf64>
  %y = varve.prod %all {axis = array<i64: 0>} : tensor<3xf64> -> tensor<f64>
  return %y : tensor<f64>
}

// One zero in a row, two, and three: the second gradient is a product, too.
func.func @zeros_again(%x: tensor<3x5xf64> {varve.range = [0.0, 0.0]})
    -> tensor<3xf64> {
  %at = varve.constant dense<[[2.0, 0.0, 1.0, 3.0, 0.5],
                              [0.0, 1.5, 2.0, 0.0, -1.0],
                              [1.0, 0.0, 0.0, 2.0, 0.0]]> : tensor<3x5xf64>
  %z = varve.add %x, %at : tensor<3x5xf64>
  %y = varve.prod %z {axis = array<i64: 1>} : tensor<3x5xf64> -> tensor<3xf64>
  return %y : tensor<3xf64>
}

func.func @empty(%x: tensor<2x0xf64>) -> tensor<2xf64> {
  %y = varve.prod %x {axis = array<i64: 1>} : tensor<2x0xf64> -> tensor<2xf64>
  return %y : tensor<2xf64>
}

// -----

// prod C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{are not axes of}}
  %y = varve.prod %x {axis = array<i64: 1, 0>} : tensor<2x3xf64> -> tensor<f64>
  return
}

// -----

// prod C1
func.func @c1_rank(%x: tensor<2xf64>) {
  // expected-error @+1 {{are not axes of}}
  %y = varve.prod %x {axis = array<i64: 1>} : tensor<2xf64> -> tensor<2xf64>
  return
}
