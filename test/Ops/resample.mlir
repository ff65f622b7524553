// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @pairs
// CHECK: varve.resample %{{.*}} {axis = 1 : i64, index = array<i64: 0, 1, 2, 1, 1, 0, 2, 2>, taps = 2 : i64, weight = array<f64: 5.000000e-01, 2.500000e-01, 1.000000e+00, 0.000000e+00, -1.000000e+00, 2.000000e+00, 5.000000e-01, 5.000000e-01>} : tensor<2x3x2xf64> -> tensor<2x4x2xf64>
func.func @pairs(%x: tensor<2x3x2xf64>) -> tensor<2x4x2xf64> {
  %r = varve.resample %x {axis = 1 : i64, index = array<i64: 0, 1, 2, 1, 1, 0, 2, 2>, taps = 2 : i64, weight = array<f64: 0.5, 0.25, 1.0, 0.0, -1.0, 2.0, 0.5, 0.5>} : tensor<2x3x2xf64> -> tensor<2x4x2xf64>
  return %r : tensor<2x4x2xf64>
}

// Nothing depends on the last two.
func.func @unseen(%x: tensor<4xf64>) -> tensor<2xf64> {
  %r = varve.resample %x {axis = 0 : i64, index = array<i64: 1, 1>, taps = 1 : i64, weight = array<f64: 1.0, 2.0>} : tensor<4xf64> -> tensor<2xf64>
  return %r : tensor<2xf64>
}

func.func @last(%x: tensor<3x20xf32>) -> tensor<3x17xf32> {
  %r = varve.resample %x {axis = 1 : i64, index = array<i64: 3, 6, 9, 12, 15, 18, 1, 4, 7, 10, 13, 16, 19, 2, 5, 8, 11>, taps = 1 : i64, weight = array<f64: 1.0, 1.125, 1.25, 1.375, 1.5, 1.625, 1.75, 1.875, 2.0, 2.125, 2.25, 2.375, 2.5, 2.625, 2.75, 2.875, 3.0>} : tensor<3x20xf32> -> tensor<3x17xf32>
  return %r : tensor<3x17xf32>
}

func.func @halves(%x: tensor<3x2xbf16>) -> tensor<1x2xbf16> {
  %r = varve.resample %x {axis = 0 : i64, index = array<i64: 0, 2>, taps = 2 : i64, weight = array<f64: 0.5, 0.5>} : tensor<3x2xbf16> -> tensor<1x2xbf16>
  return %r : tensor<1x2xbf16>
}

// By hand.
func.func @values() -> tensor<3x2xf64> attributes {
  varve.want = [dense<[[2.0, 3.5], [-3.0, -5.0], [4.0, 8.0]]> : tensor<3x2xf64>]
} {
  %x = varve.constant dense<[[1.0, 2.0], [3.0, 5.0]]> : tensor<2x2xf64>
  %r = varve.resample %x {axis = 0 : i64, index = array<i64: 0, 1, 1, 0, 0, 0>, taps = 2 : i64, weight = array<f64: 0.5, 0.5, -1.0, 0.0, 1.0, 3.0>} : tensor<2x2xf64> -> tensor<3x2xf64>
  return %r : tensor<3x2xf64>
}

// -----

// resample C1
func.func @c1(%x: tensor<4xf32>) {
  // expected-error @+1 {{is not an axis of}}
  %r = varve.resample %x {axis = 1 : i64, index = array<i64: 0>, taps = 1 : i64, weight = array<f64: 1.0>} : tensor<4xf32> -> tensor<1xf32>
  return
}

// -----

// resample C2
func.func @c2(%x: tensor<4xf32>) {
  // expected-error @+1 {{are not for 2 taps}}
  %r = varve.resample %x {axis = 0 : i64, index = array<i64: 0, 1, 2>, taps = 2 : i64, weight = array<f64: 1.0, 1.0, 1.0>} : tensor<4xf32> -> tensor<1xf32>
  return
}

// -----

// resample C3
func.func @c3(%x: tensor<4xf32>) {
  // expected-error @+1 {{4 is no place of axis 0}}
  %r = varve.resample %x {axis = 0 : i64, index = array<i64: 4>, taps = 1 : i64, weight = array<f64: 1.0>} : tensor<4xf32> -> tensor<1xf32>
  return
}
