// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.slice %{{.*}} {begin = array<i64: 1, 0>, end = array<i64: 3, 2>, step = array<i64: 1, 1>} : tensor<4x3xf64> -> tensor<2x2xf64>
func.func @rows(%x: tensor<4x3xf64>) -> tensor<2x2xf64> {
  %y = varve.slice %x {begin = array<i64: 1, 0>, end = array<i64: 3, 2>, step = array<i64: 1, 1>} : tensor<4x3xf64> -> tensor<2x2xf64>
  return %y : tensor<2x2xf64>
}

func.func @steps(%x: tensor<7x5xf64>) -> tensor<3x2xf64> {
  %y = varve.slice %x {begin = array<i64: 1, 0>, end = array<i64: 7, 4>, step = array<i64: 2, 3>} : tensor<7x5xf64> -> tensor<3x2xf64>
  return %y : tensor<3x2xf64>
}

func.func @nothing(%x: tensor<3x2xf64>) -> tensor<0x2xf64> {
  %y = varve.slice %x {begin = array<i64: 2, 0>, end = array<i64: 2, 2>, step = array<i64: 1, 1>} : tensor<3x2xf64> -> tensor<0x2xf64>
  return %y : tensor<0x2xf64>
}

func.func @scalar(%x: tensor<f64>) -> tensor<f64> {
  %y = varve.slice %x {begin = array<i64>, end = array<i64>, step = array<i64>} : tensor<f64> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<2x2xi32> attributes {
  varve.want = [dense<[[2, 3], [8, 9]]> : tensor<2x2xi32>]
} {
  %x = varve.constant dense<[[1, 2, 3], [4, 5, 6], [7, 8, 9]]> : tensor<3x3xi32>
  %y = varve.slice %x {begin = array<i64: 0, 1>, end = array<i64: 3, 3>, step = array<i64: 2, 1>} : tensor<3x3xi32> -> tensor<2x2xi32>
  return %y : tensor<2x2xi32>
}

// -----

// slice C1
func.func @c1(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{do not suit}}
  %y = varve.slice %x {begin = array<i64: 0>, end = array<i64: 1>, step = array<i64: 1>} : tensor<2x3xf32> -> tensor<1x3xf32>
  return
}

// -----

// slice C2
func.func @c2(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{no slice 0:4:1 of axis 1}}
  %y = varve.slice %x {begin = array<i64: 0, 0>, end = array<i64: 2, 4>, step = array<i64: 1, 1>} : tensor<2x3xf32> -> tensor<2x4xf32>
  return
}
