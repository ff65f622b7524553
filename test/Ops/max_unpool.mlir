// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @halve
// CHECK: varve.max_unpool %{{.*}}, %{{.*}} {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, size = array<i64: 4, 6>, stride = array<i64: 2, 2>} : tensor<2x2x2x3xf64>, tensor<2x2x2x3xi32> -> tensor<2x2x4x6xf64>
func.func @halve(%x: tensor<2x2x2x3xf64>, %y: tensor<2x2x2x3xi32> {varve.range = [0 : i32, 3 : i32]}) -> tensor<2x2x4x6xf64> {
  %r = varve.max_unpool %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, size = array<i64: 4, 6>, stride = array<i64: 2, 2>} : tensor<2x2x2x3xf64>, tensor<2x2x2x3xi32> -> tensor<2x2x4x6xf64>
  return %r : tensor<2x2x4x6xf64>
}

func.func @overlap(%x: tensor<1x2x3x3xf64>, %y: tensor<1x2x3x3xi32> {varve.range = [0 : i32, 8 : i32]}) -> tensor<1x2x5x6xf64> {
  %r = varve.max_unpool %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, size = array<i64: 5, 6>, stride = array<i64: 2, 2>} : tensor<1x2x3x3xf64>, tensor<1x2x3x3xi32> -> tensor<1x2x5x6xf64>
  return %r : tensor<1x2x5x6xf64>
}

func.func @gaps(%x: tensor<1x1x5x2xf64>, %y: tensor<1x1x5x2xi32> {varve.range = [0 : i32, 5 : i32]}) -> tensor<1x1x5x6xf64> {
  %r = varve.max_unpool %x, %y {dilation = array<i64: 2, 2>, kernel = array<i64: 2, 3>, padding = array<i64: 1, 1>, size = array<i64: 5, 6>, stride = array<i64: 1, 2>} : tensor<1x1x5x2xf64>, tensor<1x1x5x2xi32> -> tensor<1x1x5x6xf64>
  return %r : tensor<1x1x5x6xf64>
}

func.func @ceil(%x: tensor<1x1x3x2xf64>, %y: tensor<1x1x3x2xi32> {varve.range = [0 : i32, 5 : i32]}) -> tensor<1x1x5x4xf64> {
  %r = varve.max_unpool %x, %y {ceil = true, dilation = array<i64: 1, 1>, kernel = array<i64: 2, 3>, padding = array<i64: 0, 0>, size = array<i64: 5, 4>, stride = array<i64: 2, 2>} : tensor<1x1x3x2xf64>, tensor<1x1x3x2xi32> -> tensor<1x1x5x4xf64>
  return %r : tensor<1x1x5x4xf64>
}

func.func @unseen(%x: tensor<1x1x2x2xf64>, %y: tensor<1x1x2x2xi32> {varve.range = [0 : i32, 1 : i32]}) -> tensor<1x1x5x5xf64> {
  %r = varve.max_unpool %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 1, 2>, padding = array<i64: 0, 0>, size = array<i64: 5, 5>, stride = array<i64: 3, 3>} : tensor<1x1x2x2xf64>, tensor<1x1x2x2xi32> -> tensor<1x1x5x5xf64>
  return %r : tensor<1x1x5x5xf64>
}

func.func @dense(%x: tensor<1x1x5x4xf64>, %y: tensor<1x1x5x4xi32> {varve.range = [0 : i32, 8 : i32]}) -> tensor<1x1x5x4xf64> {
  %r = varve.max_unpool %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, size = array<i64: 5, 4>, stride = array<i64: 1, 1>} : tensor<1x1x5x4xf64>, tensor<1x1x5x4xi32> -> tensor<1x1x5x4xf64>
  return %r : tensor<1x1x5x4xf64>
}

func.func @large(%x: tensor<1x2x9x10xf64>, %y: tensor<1x2x9x10xi32> {varve.range = [0 : i32, 80 : i32]}) -> tensor<1x2x9x10xf64> {
  %r = varve.max_unpool %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 9, 9>, padding = array<i64: 4, 4>, size = array<i64: 9, 10>, stride = array<i64: 1, 1>} : tensor<1x2x9x10xf64>, tensor<1x2x9x10xi32> -> tensor<1x2x9x10xf64>
  return %r : tensor<1x2x9x10xf64>
}

func.func @line(%x: tensor<2x1x2xf64>, %y: tensor<2x1x2xi32> {varve.range = [0 : i32, 1 : i32]}) -> tensor<2x1x5xf64> {
  %r = varve.max_unpool %x, %y {dilation = array<i64: 1>, kernel = array<i64: 2>, padding = array<i64: 0>, size = array<i64: 5>, stride = array<i64: 2>} : tensor<2x1x2xf64>, tensor<2x1x2xi32> -> tensor<2x1x5xf64>
  return %r : tensor<2x1x5xf64>
}

func.func @wide(%x: tensor<2x33x3x3xf32>, %y: tensor<2x33x3x3xi32> {varve.range = [0 : i32, 8 : i32]}) -> tensor<2x33x6x6xf32> {
  %r = varve.max_unpool %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, size = array<i64: 6, 6>, stride = array<i64: 2, 2>} : tensor<2x33x3x3xf32>, tensor<2x33x3x3xi32> -> tensor<2x33x6x6xf32>
  return %r : tensor<2x33x6x6xf32>
}

// PyTorch's: the gradient of the pool in max_pool.mlir.
func.func @values() -> tensor<1x1x4x5xf64> attributes {
  varve.want = [dense<[[[[0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.75, 0.0], [0.0, -1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0]]]]> : tensor<1x1x4x5xf64>]
} {
  %x = varve.constant dense<[[[[0.0, -2.25, 1.25], [-1.0, 2.5, 0.25]]]]> : tensor<1x1x2x3xf64>
  %y = varve.constant dense<[[[[5, 8, 6], [5, 2, 0]]]]> : tensor<1x1x2x3xi32>
  %r = varve.max_unpool %x, %y {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, size = array<i64: 4, 5>, stride = array<i64: 2, 2>} : tensor<1x1x2x3xf64>, tensor<1x1x2x3xi32> -> tensor<1x1x4x5xf64>
  return %r : tensor<1x1x4x5xf64>
}

// -----

// max_unpool C1
func.func @c1(%x: tensor<1x1x3xf32>, %y: tensor<1x1x3xi32>) {
  // expected-error @+1 {{no pool makes}}
  %r = varve.max_unpool %x, %y {dilation = array<i64: 1>, kernel = array<i64: 2>, padding = array<i64: 0>, size = array<i64: 4>, stride = array<i64: 2>} : tensor<1x1x3xf32>, tensor<1x1x3xi32> -> tensor<1x1x4xf32>
  return
}

// -----

// max_unpool C2
func.func @c2(%x: tensor<1x1x2xf32>, %y: tensor<1x1x2xi32>) {
  // expected-error @+1 {{do not suit 1 axes}}
  %r = varve.max_unpool %x, %y {dilation = array<i64: 1>, kernel = array<i64: 2>, padding = array<i64: -1>, size = array<i64: 4>, stride = array<i64: 2>} : tensor<1x1x2xf32>, tensor<1x1x2xi32> -> tensor<1x1x4xf32>
  return
}

// -----

// max_unpool C3
func.func @c3(%x: tensor<1x1x4xf32>, %y: tensor<1x1x4xi32>) {
  // expected-error @+1 {{would have none}}
  %r = varve.max_unpool %x, %y {dilation = array<i64: 1>, kernel = array<i64: 2>, padding = array<i64: 2>, size = array<i64: 4>, stride = array<i64: 2>} : tensor<1x1x4xf32>, tensor<1x1x4xi32> -> tensor<1x1x4xf32>
  return
}
