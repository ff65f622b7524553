// RUN: varve-opt %s -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: @kinds
// CHECK: kernel.conv forward ins(%{{.*}}, %{{.*}} : tensor<2x4x5xf32>, tensor<6x2x3xf32>) {dilations = array<i64: 1>, groups = 2 : i64, padding = array<i64: 1>, strides = array<i64: 2>} -> tensor<2x6x3xf32>
// CHECK: kernel.conv data
// CHECK: kernel.conv weight
func.func @kinds(%x: tensor<2x4x5xf32>, %w: tensor<6x2x3xf32>)
    -> (tensor<2x4x5xf32>, tensor<6x2x3xf32>) {
  %y = kernel.conv forward ins(%x, %w : tensor<2x4x5xf32>, tensor<6x2x3xf32>) {strides = array<i64: 2>, padding = array<i64: 1>, dilations = array<i64: 1>, groups = 2} -> tensor<2x6x3xf32>
  %dx = kernel.conv data ins(%y, %w : tensor<2x6x3xf32>, tensor<6x2x3xf32>) {strides = array<i64: 2>, padding = array<i64: 1>, dilations = array<i64: 1>, groups = 2} -> tensor<2x4x5xf32>
  %dw = kernel.conv weight ins(%x, %y : tensor<2x4x5xf32>, tensor<2x6x3xf32>) {strides = array<i64: 2>, padding = array<i64: 1>, dilations = array<i64: 1>, groups = 2} -> tensor<6x2x3xf32>
  return %dx, %dw : tensor<2x4x5xf32>, tensor<6x2x3xf32>
}

// -----

// conv C1
func.func @rank(%x: tensor<2x4xf32>, %w: tensor<6x4xf32>) {
  // expected-error @+1 {{needs tensors of one rank, 3 or more}}
  %y = kernel.conv forward ins(%x, %w : tensor<2x4xf32>, tensor<6x4xf32>) {strides = array<i64>, padding = array<i64>, dilations = array<i64>, groups = 1} -> tensor<2x6xf32>
  return
}

// -----

// conv C1
func.func @empty(%x: tensor<2x4x0xf32>, %w: tensor<6x4x1xf32>) {
  // expected-error @+1 {{needs static shapes without a size of 0}}
  %y = kernel.conv forward ins(%x, %w : tensor<2x4x0xf32>, tensor<6x4x1xf32>) {strides = array<i64: 1>, padding = array<i64: 1>, dilations = array<i64: 1>, groups = 1} -> tensor<2x6x2xf32>
  return
}

// -----

// conv C1
func.func @element(%x: tensor<2x4x5xf32>, %w: tensor<6x4x1xf64>) {
  // expected-error @+1 {{needs one element type}}
  %y = kernel.conv forward ins(%x, %w : tensor<2x4x5xf32>, tensor<6x4x1xf64>) {strides = array<i64: 1>, padding = array<i64: 0>, dilations = array<i64: 1>, groups = 1} -> tensor<2x6x5xf32>
  return
}

// -----

// conv C2
func.func @lists(%x: tensor<2x4x5xf32>, %w: tensor<6x4x1xf32>) {
  // expected-error @+1 {{needs strides and dilations of at least 1 and padding of at least 0 for each of 1 spatial dimensions}}
  %y = kernel.conv forward ins(%x, %w : tensor<2x4x5xf32>, tensor<6x4x1xf32>) {strides = array<i64: 0>, padding = array<i64: 0>, dilations = array<i64: 1>, groups = 1} -> tensor<2x6x5xf32>
  return
}

// -----

// conv C3
func.func @groups(%x: tensor<2x4x5xf32>, %w: tensor<6x4x1xf32>) {
  // expected-error @+1 {{has 2 groups of 4 channels and 6 features with weights of shape 6x4}}
  %y = kernel.conv forward ins(%x, %w : tensor<2x4x5xf32>, tensor<6x4x1xf32>) {strides = array<i64: 1>, padding = array<i64: 0>, dilations = array<i64: 1>, groups = 2} -> tensor<2x6x5xf32>
  return
}

// -----

// conv C4
func.func @batch(%x: tensor<2x4x5xf32>, %y: tensor<3x6x5xf32>) {
  // expected-error @+1 {{has batches of 2 and 3}}
  %w = kernel.conv weight ins(%x, %y : tensor<2x4x5xf32>, tensor<3x6x5xf32>) {strides = array<i64: 1>, padding = array<i64: 0>, dilations = array<i64: 1>, groups = 1} -> tensor<6x4x1xf32>
  return
}
