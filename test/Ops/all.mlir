// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.all %{{.*}} {axis = array<i64: 1>} : tensor<2x3xi1> -> tensor<2xi1>
func.func @rows(%x: tensor<2x3xi1>) -> tensor<2xi1> {
  %y = varve.all %x {axis = array<i64: 1>} : tensor<2x3xi1> -> tensor<2xi1>
  return %y : tensor<2xi1>
}

func.func @outer(%x: tensor<2x3x2xi1>) -> tensor<3xi1> {
  %y = varve.all %x {axis = array<i64: 0, 2>} : tensor<2x3x2xi1> -> tensor<3xi1>
  return %y : tensor<3xi1>
}

func.func @all(%x: tensor<2x3xi1>) -> tensor<i1> {
  %y = varve.all %x {axis = array<i64: 0, 1>} : tensor<2x3xi1> -> tensor<i1>
  return %y : tensor<i1>
}

func.func @none(%x: tensor<2x3xi1>) -> tensor<2x3xi1> {
  %y = varve.all %x {axis = array<i64>} : tensor<2x3xi1> -> tensor<2x3xi1>
  return %y : tensor<2x3xi1>
}

func.func @keep(%x: tensor<2x3x2xi1>) -> tensor<2x1x2xi1> {
  %y = varve.all %x {axis = array<i64: 1>, keepdims = true} : tensor<2x3x2xi1> -> tensor<2x1x2xi1>
  return %y : tensor<2x1x2xi1>
}

func.func @keep_all(%x: tensor<2x3xi1>) -> tensor<1x1xi1> {
  %y = varve.all %x {axis = array<i64: 0, 1>, keepdims = true} : tensor<2x3xi1> -> tensor<1x1xi1>
  return %y : tensor<1x1xi1>
}

func.func @ones(%x: tensor<1x3x1xi1>) -> tensor<1xi1> {
  %y = varve.all %x {axis = array<i64: 0, 1>} : tensor<1x3x1xi1> -> tensor<1xi1>
  return %y : tensor<1xi1>
}

func.func @keep_ones(%x: tensor<3x1x1xi1>) -> tensor<1x1x1xi1> {
  %y = varve.all %x {axis = array<i64: 0>, keepdims = true} : tensor<3x1x1xi1> -> tensor<1x1x1xi1>
  return %y : tensor<1x1x1xi1>
}

func.func @values() -> tensor<2xi1> attributes {
  varve.want = [dense<[true, false]> : tensor<2xi1>]
} {
  %x = varve.constant dense<[[true, true, true], [true, false, true]]> : tensor<2x3xi1>
  %y = varve.all %x {axis = array<i64: 1>} : tensor<2x3xi1> -> tensor<2xi1>
  return %y : tensor<2xi1>
}

// -----

// all C1
func.func @c1(%x: tensor<2x3xi1>) {
  // expected-error @+1 {{are not axes of}}
  %y = varve.all %x {axis = array<i64: 1, 0>} : tensor<2x3xi1> -> tensor<i1>
  return
}

// -----

// all C1
func.func @c1_rank(%x: tensor<2xi1>) {
  // expected-error @+1 {{are not axes of}}
  %y = varve.all %x {axis = array<i64: 1>} : tensor<2xi1> -> tensor<2xi1>
  return
}
