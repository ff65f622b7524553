// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @halve
// CHECK: varve.max_pool_at %{{.*}}, %{{.*}} {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<2x2x4x6xf64>, tensor<2x2x2x3xi32> -> tensor<2x2x2x3xf64>
func.func @halve(%x: tensor<2x2x4x6xf64>, %y: tensor<2x2x2x3xi32> {varve.range = [0 : i32, 3 : i32]}) -> tensor<2x2x2x3xf64> {
  %r = varve.max_pool_at %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<2x2x4x6xf64>, tensor<2x2x2x3xi32> -> tensor<2x2x2x3xf64>
  return %r : tensor<2x2x2x3xf64>
}

// Some indices name no element.
func.func @overlap(%x: tensor<1x2x5x6xf64>, %y: tensor<1x2x3x3xi32> {varve.range = [0 : i32, 8 : i32]}) -> tensor<1x2x3x3xf64> {
  %r = varve.max_pool_at %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, stride = array<i64: 2, 2>} : tensor<1x2x5x6xf64>, tensor<1x2x3x3xi32> -> tensor<1x2x3x3xf64>
  return %r : tensor<1x2x3x3xf64>
}

func.func @gaps(%x: tensor<1x1x5x6xf64>, %y: tensor<1x1x5x2xi32> {varve.range = [0 : i32, 5 : i32]}) -> tensor<1x1x5x2xf64> {
  %r = varve.max_pool_at %x, %y {dilation = array<i64: 2, 2>, kernel = array<i64: 2, 3>, padding = array<i64: 1, 1>, stride = array<i64: 1, 2>} : tensor<1x1x5x6xf64>, tensor<1x1x5x2xi32> -> tensor<1x1x5x2xf64>
  return %r : tensor<1x1x5x2xf64>
}

func.func @ceil(%x: tensor<1x1x5x4xf64>, %y: tensor<1x1x3x2xi32> {varve.range = [0 : i32, 5 : i32]}) -> tensor<1x1x3x2xf64> {
  %r = varve.max_pool_at %x, %y {ceil = true, dilation = array<i64: 1, 1>, kernel = array<i64: 2, 3>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<1x1x5x4xf64>, tensor<1x1x3x2xi32> -> tensor<1x1x3x2xf64>
  return %r : tensor<1x1x3x2xf64>
}

func.func @line(%x: tensor<2x1x5xf64>, %y: tensor<2x1x2xi32> {varve.range = [0 : i32, 1 : i32]}) -> tensor<2x1x2xf64> {
  %r = varve.max_pool_at %x, %y {dilation = array<i64: 1>, kernel = array<i64: 2>, padding = array<i64: 0>, stride = array<i64: 2>} : tensor<2x1x5xf64>, tensor<2x1x2xi32> -> tensor<2x1x2xf64>
  return %r : tensor<2x1x2xf64>
}

func.func @wide(%x: tensor<2x33x6x6xf32>, %y: tensor<2x33x3x3xi32> {varve.range = [0 : i32, 8 : i32]}) -> tensor<2x33x3x3xf32> {
  %r = varve.max_pool_at %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, stride = array<i64: 2, 2>} : tensor<2x33x6x6xf32>, tensor<2x33x3x3xi32> -> tensor<2x33x3x3xf32>
  return %r : tensor<2x33x3x3xf32>
}

// By hand; the first index is that of a place before x.
func.func @values() -> tensor<1x1x2x2xf64> attributes {
  varve.want = [dense<[[[[0.0, 0.0], [1.5, -0.75]]]]> : tensor<1x1x2x2xf64>]
} {
  %x = varve.constant dense<[[[[0.0, -2.25, 1.25], [-1.0, 2.5, 0.25], [-2.0, 1.5, -0.75]]]]> : tensor<1x1x3x3xf64>
  %y = varve.constant dense<[[[[0, 1], [5, 4]]]]> : tensor<1x1x2x2xi32>
  %r = varve.max_pool_at %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, stride = array<i64: 2, 2>} : tensor<1x1x3x3xf64>, tensor<1x1x2x2xi32> -> tensor<1x1x2x2xf64>
  return %r : tensor<1x1x2x2xf64>
}

// -----

// max_pool_at C1
func.func @c1(%x: tensor<1x1x4xf32>, %y: tensor<1x1x3xi32>) {
  // expected-error @+1 {{should have shape}}
  %r = varve.max_pool_at %x, %y {dilation = array<i64: 1>, kernel = array<i64: 2>, padding = array<i64: 0>, stride = array<i64: 2>} : tensor<1x1x4xf32>, tensor<1x1x3xi32> -> tensor<1x1x2xf32>
  return
}

// -----

// max_pool_at C2
func.func @c2(%x: tensor<1x1x4xf32>, %y: tensor<1x1x2xi32>) {
  // expected-error @+1 {{do not suit 1 axes}}
  %r = varve.max_pool_at %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0>, stride = array<i64: 2>} : tensor<1x1x4xf32>, tensor<1x1x2xi32> -> tensor<1x1x2xf32>
  return
}

// -----

// max_pool_at C3
func.func @c3(%x: tensor<1x1x0xf32>, %y: tensor<1x1x1xi32>) {
  // expected-error @+1 {{would have none}}
  %r = varve.max_pool_at %x, %y {dilation = array<i64: 1>, kernel = array<i64: 1>, padding = array<i64: 0>, stride = array<i64: 1>} : tensor<1x1x0xf32>, tensor<1x1x1xi32> -> tensor<1x1x1xf32>
  return
}
