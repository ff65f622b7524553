// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.pow %{{.*}}, %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64> {varve.range = [0.5, 2.0]}, %y: tensor<2x3xf64>)
    -> tensor<2x3xf64> {
  %z = varve.pow %x, %y : tensor<2x3xf64>
  return %z : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64> {varve.range = [0.5, 2.0]}, %y: tensor<f64>) -> tensor<f64> {
  %z = varve.pow %x, %y : tensor<f64>
  return %z : tensor<f64>
}

// The same value twice: its cotangents add up.
func.func @same(%x: tensor<3xf64> {varve.range = [0.5, 2.0]}) -> tensor<3xf64> {
  %z = varve.pow %x, %x : tensor<3xf64>
  return %z : tensor<3xf64>
}

func.func @values() -> tensor<5xf64> attributes {
  varve.want = [dense<[8.0, 2.0, -8.0, 1.0, 0.0]> : tensor<5xf64>]
} {
  %x = varve.constant dense<[2.0, 0.25, -2.0, 0.0, 0.0]> : tensor<5xf64>
  %y = varve.constant dense<[3.0, -0.5, 3.0, 0.0, 2.0]> : tensor<5xf64>
  %z = varve.pow %x, %y : tensor<5xf64>
  return %z : tensor<5xf64>
}

// -----

// pow C1
func.func @c1(%x: tensor<2x3xf64>, %y: tensor<3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.pow"(%x, %y) : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi32>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.pow %x, %x : tensor<2xi32>
  return
}
