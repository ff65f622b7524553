// RUN: varve-opt %s -split-input-file -verify-diagnostics | FileCheck %s

// A state whose functions see a window of it.
// CHECK: varve.state @w : tensor<4x2x1x2xf32> {
// CHECK-SAME: offset = array<i64: 0, 0, 1, 0>
// CHECK-SAME: shape = array<i64: 4, 2, 3, 3>
varve.program @m {
  varve.state @w : tensor<4x2x1x2xf32> {
    role = "param", shape = array<i64: 4, 2, 3, 3>, offset = array<i64: 0, 0, 1, 0>}
}

// -----

// state C5
varve.program @m {
  // expected-error @+1 {{the window of 'tensor<4x2xf32>' does not lie inside its shape}}
  varve.state @w : tensor<4x2xf32> {
    role = "param", shape = array<i64: 4, 3>, offset = array<i64: 0, 2>}
}

// -----

// state C5
varve.program @m {
  // expected-error @+1 {{the window of 'tensor<4x2xf32>' does not lie inside its shape}}
  varve.state @w : tensor<4x2xf32> {role = "param", offset = array<i64: 0, 0>}
}
