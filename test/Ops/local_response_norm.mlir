// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @images
// CHECK: varve.local_response_norm %{{.*}} {alpha = 1.000000e-01 : f64, size = 3 : i64} : tensor<2x4x2x2xf64>
func.func @images(%x: tensor<2x4x2x2xf64>) -> tensor<2x4x2x2xf64> {
  %r = varve.local_response_norm %x {alpha = 1.000000e-01 : f64, size = 3 : i64} : tensor<2x4x2x2xf64>
  return %r : tensor<2x4x2x2xf64>
}

func.func @even(%x: tensor<1x5x2xf64>) -> tensor<1x5x2xf64> {
  %r = varve.local_response_norm %x {alpha = 5.000000e-01 : f64, beta = 5.000000e-01 : f64, k = 2.000000e+00 : f64, size = 4 : i64} : tensor<1x5x2xf64>
  return %r : tensor<1x5x2xf64>
}

func.func @all(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %r = varve.local_response_norm %x {alpha = 1.000000e+00 : f64, size = 7 : i64} : tensor<2x3xf64>
  return %r : tensor<2x3xf64>
}

func.func @wide(%x: tensor<1x33x17xf32>) -> tensor<1x33x17xf32> {
  %r = varve.local_response_norm %x {size = 5 : i64} : tensor<1x33x17xf32>
  return %r : tensor<1x33x17xf32>
}

func.func @halves(%x: tensor<1x3x2xf16>) -> tensor<1x3x2xf16> {
  %r = varve.local_response_norm %x {size = 5 : i64} : tensor<1x3x2xf16>
  return %r : tensor<1x3x2xf16>
}

// PyTorch's.
func.func @values() -> tensor<1x5x2xf64> attributes {
  varve.want = [dense<[[[0.0, -1.244678551], [0.6780608, -0.552798273], [1.299065099, 0.142778841], [-1.050239846, 0.795592782], [-0.422101553, 1.459566013]]]> : tensor<1x5x2xf64>]
} {
  %x = varve.constant dense<[[[0.0, -2.25], [1.25, -1.0], [2.5, 0.25], [-2.0, 1.5], [-0.75, 2.75]]]> : tensor<1x5x2xf64>
  %r = varve.local_response_norm %x {alpha = 1.000000e-01 : f64, k = 2.000000e+00 : f64, size = 3 : i64} : tensor<1x5x2xf64>
  return %r : tensor<1x5x2xf64>
}

func.func @values_even() -> tensor<1x5x2xf64> attributes {
  varve.want = [dense<[[[0.0, -2.096711905], [1.143323901, -0.931240394], [2.196608857, 0.227331446], [-1.747825106, 1.330053296], [-0.665435518, 2.462755146]]]> : tensor<1x5x2xf64>]
} {
  %x = varve.constant dense<[[[0.0, -2.25], [1.25, -1.0], [2.5, 0.25], [-2.0, 1.5], [-0.75, 2.75]]]> : tensor<1x5x2xf64>
  %r = varve.local_response_norm %x {alpha = 1.000000e-01 : f64, beta = 5.000000e-01 : f64, size = 4 : i64} : tensor<1x5x2xf64>
  return %r : tensor<1x5x2xf64>
}

// -----

// local_response_norm C1
func.func @c1(%x: tensor<4xf32>) {
  // expected-error @+1 {{has no channels}}
  %r = varve.local_response_norm %x {size = 1 : i64} : tensor<4xf32>
  return
}

// -----

// local_response_norm C2
func.func @c2(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{is not positive}}
  %r = varve.local_response_norm %x {size = 0 : i64} : tensor<2x4xf32>
  return
}
