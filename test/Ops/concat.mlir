// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @columns
// CHECK: varve.concat %{{.*}}, %{{.*}}, %{{.*}} {axis = 1 : i64} : tensor<2x1xf64>, tensor<2x3xf64>, tensor<2x2xf64> -> tensor<2x6xf64>
func.func @columns(%x: tensor<2x1xf64>, %y: tensor<2x3xf64>, %z: tensor<2x2xf64>) -> tensor<2x6xf64> {
  %w = varve.concat %x, %y, %z {axis = 1 : i64} : tensor<2x1xf64>, tensor<2x3xf64>, tensor<2x2xf64> -> tensor<2x6xf64>
  return %w : tensor<2x6xf64>
}

func.func @twice(%x: tensor<2x3xf64>) -> tensor<4x3xf64> {
  %w = varve.concat %x, %x {axis = 0 : i64} : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<4x3xf64>
  return %w : tensor<4x3xf64>
}

func.func @one(%x: tensor<3xf64>) -> tensor<3xf64> {
  %w = varve.concat %x {axis = -1 : i64} : tensor<3xf64> -> tensor<3xf64>
  return %w : tensor<3xf64>
}

func.func @with_empty(%x: tensor<0xf64>, %y: tensor<2xf64>) -> tensor<2xf64> {
  %w = varve.concat %x, %y, %x {axis = 0 : i64} : tensor<0xf64>, tensor<2xf64>, tensor<0xf64> -> tensor<2xf64>
  return %w : tensor<2xf64>
}

func.func @values() -> tensor<3x2xi32> attributes {
  varve.want = [dense<[[1, 2], [3, 4], [5, 6]]> : tensor<3x2xi32>]
} {
  %x = varve.constant dense<[[1, 2]]> : tensor<1x2xi32>
  %y = varve.constant dense<[[3, 4], [5, 6]]> : tensor<2x2xi32>
  %w = varve.concat %x, %y {axis = 0 : i64} : tensor<1x2xi32>, tensor<2x2xi32> -> tensor<3x2xi32>
  return %w : tensor<3x2xi32>
}

// -----

// concat C1
func.func @c1(%x: tensor<2xf32>, %y: tensor<2xf64>) {
  // expected-error @+1 {{cannot concatenate}}
  %w = varve.concat %x, %y {axis = 0 : i64} : tensor<2xf32>, tensor<2xf64> -> tensor<4xf32>
  return
}

// -----

// concat C1
func.func @c1_none() {
  // expected-error @+1 {{nothing to concatenate}}
  %w = "varve.concat"() {axis = 0 : i64} : () -> tensor<4xf32>
  return
}

// -----

// concat C2
func.func @c2(%x: tensor<2xf32>) {
  // expected-error @+1 {{axis 1 is not an axis of}}
  %w = varve.concat %x, %x {axis = 1 : i64} : tensor<2xf32>, tensor<2xf32> -> tensor<4xf32>
  return
}

// -----

// concat C3
func.func @c3(%x: tensor<2x3xf32>, %y: tensor<2x4xf32>) {
  // expected-error @+1 {{cannot concatenate}}
  %w = varve.concat %x, %y {axis = 0 : i64} : tensor<2x3xf32>, tensor<2x4xf32> -> tensor<4x3xf32>
  return
}
