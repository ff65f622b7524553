// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @both
// CHECK: varve.pad %{{.*}} {after = array<i64: 0, 2>, before = array<i64: 1, 0>} : tensor<2x3xf64> -> tensor<3x5xf64>
func.func @both(%x: tensor<2x3xf64>) -> tensor<3x5xf64> {
  %y = varve.pad %x {before = array<i64: 1, 0>, after = array<i64: 0, 2>} : tensor<2x3xf64> -> tensor<3x5xf64>
  return %y : tensor<3x5xf64>
}

// The entries belong to the last axes.
func.func @last(%x: tensor<2x2x3xf64>) -> tensor<2x2x6xf64> {
  %y = varve.pad %x {before = array<i64: 1>, after = array<i64: 2>, value = 0.5 : f64} : tensor<2x2x3xf64> -> tensor<2x2x6xf64>
  return %y : tensor<2x2x6xf64>
}

func.func @steps(%x: tensor<3x2xf64>) -> tensor<6x4xf64> {
  %y = varve.pad %x {before = array<i64: 1, 0>, after = array<i64: 0, 0>, step = array<i64: 2, 3>} : tensor<3x2xf64> -> tensor<6x4xf64>
  return %y : tensor<6x4xf64>
}

func.func @empty(%x: tensor<0x2xf64>) -> tensor<2x2xf64> {
  %y = varve.pad %x {before = array<i64: 1, 0>, after = array<i64: 1, 0>, value = 3.0 : f64} : tensor<0x2xf64> -> tensor<2x2xf64>
  return %y : tensor<2x2xf64>
}

func.func @values() -> tensor<7xi32> attributes {
  varve.want = [dense<[-1, 1, -1, 2, -1, 3, -1]> : tensor<7xi32>]
} {
  %x = varve.constant dense<[1, 2, 3]> : tensor<3xi32>
  %y = varve.pad %x {before = array<i64: 1>, after = array<i64: 1>, step = array<i64: 2>, value = -1.0 : f64} : tensor<3xi32> -> tensor<7xi32>
  return %y : tensor<7xi32>
}

func.func @reflect(%x: tensor<2x3x4xf64>) -> tensor<2x6x7xf64> {
  %r = varve.pad %x {after = array<i64: 1, 3>, before = array<i64: 2, 0>, mode = "reflect"} : tensor<2x3x4xf64> -> tensor<2x6x7xf64>
  return %r : tensor<2x6x7xf64>
}

func.func @edge(%x: tensor<2x1x3xf64>) -> tensor<2x5x6xf64> {
  %r = varve.pad %x {after = array<i64: 2, 2>, before = array<i64: 2, 1>, mode = "edge"} : tensor<2x1x3xf64> -> tensor<2x5x6xf64>
  return %r : tensor<2x5x6xf64>
}

func.func @reflect_integers(%x: tensor<3xi32>) -> tensor<6xi32> {
  %r = varve.pad %x {after = array<i64: 1>, before = array<i64: 2>, mode = "reflect"} : tensor<3xi32> -> tensor<6xi32>
  return %r : tensor<6xi32>
}

func.func @edge_unpadded(%x: tensor<0x2xf64>) -> tensor<0x3xf64> {
  %r = varve.pad %x {after = array<i64: 0, 0>, before = array<i64: 0, 1>, mode = "edge"} : tensor<0x2xf64> -> tensor<0x3xf64>
  return %r : tensor<0x3xf64>
}

// PyTorch's.
func.func @values_reflect() -> tensor<1x1x3x6xf64> attributes {
  varve.want = [dense<[[[[0.25, 2.5, -1.0, 2.5, 0.25, 2.5], [1.25, -2.25, 0.0, -2.25, 1.25, -2.25], [0.25, 2.5, -1.0, 2.5, 0.25, 2.5]]]]> : tensor<1x1x3x6xf64>]
} {
  %x = varve.constant dense<[[[[0.0, -2.25, 1.25], [-1.0, 2.5, 0.25]]]]> : tensor<1x1x2x3xf64>
  %r = varve.pad %x {after = array<i64: 0, 1>, before = array<i64: 1, 2>, mode = "reflect"} : tensor<1x1x2x3xf64> -> tensor<1x1x3x6xf64>
  return %r : tensor<1x1x3x6xf64>
}

func.func @values_edge() -> tensor<1x1x5x6xf64> attributes {
  varve.want = [dense<[[[[0.0, 0.0, 0.0, -2.25, 1.25, 1.25], [0.0, 0.0, 0.0, -2.25, 1.25, 1.25], [-1.0, -1.0, -1.0, 2.5, 0.25, 0.25], [-1.0, -1.0, -1.0, 2.5, 0.25, 0.25], [-1.0, -1.0, -1.0, 2.5, 0.25, 0.25]]]]> : tensor<1x1x5x6xf64>]
} {
  %x = varve.constant dense<[[[[0.0, -2.25, 1.25], [-1.0, 2.5, 0.25]]]]> : tensor<1x1x2x3xf64>
  %r = varve.pad %x {after = array<i64: 2, 1>, before = array<i64: 1, 2>, mode = "edge"} : tensor<1x1x2x3xf64> -> tensor<1x1x5x6xf64>
  return %r : tensor<1x1x5x6xf64>
}

// -----

// pad C1
func.func @c1(%x: tensor<2xf32>) {
  // expected-error @+1 {{do not suit}}
  %y = varve.pad %x {before = array<i64: 1, 1>, after = array<i64: 0, 0>} : tensor<2xf32> -> tensor<3xf32>
  return
}

// -----

// pad C2
func.func @c2(%x: tensor<2xf32>) {
  // expected-error @+1 {{cannot pad by -1 and 0 with step 1}}
  %y = varve.pad %x {before = array<i64: -1>, after = array<i64: 0>} : tensor<2xf32> -> tensor<1xf32>
  return
}

// -----

// pad C3
func.func @c3(%x: tensor<2xf32>) {
  // expected-error @+1 {{unknown mode "mirror"}}
  %y = varve.pad %x {before = array<i64: 1>, after = array<i64: 0>, mode = "mirror"} : tensor<2xf32> -> tensor<3xf32>
  return
}

// -----

// pad C4
func.func @c4(%x: tensor<2xf32>) {
  // expected-error @+1 {{cannot pad axis 0}}
  %r = varve.pad %x {after = array<i64: 1>, before = array<i64: 2>, mode = "reflect"} : tensor<2xf32> -> tensor<5xf32>
  return
}
