// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.not %{{.*}} : tensor<2x3xi1>
func.func @matrix(%x: tensor<2x3xi1>) -> tensor<2x3xi1> {
  %y = varve.not %x : tensor<2x3xi1>
  return %y : tensor<2x3xi1>
}

func.func @scalar(%x: tensor<i1>) -> tensor<i1> {
  %y = varve.not %x : tensor<i1>
  return %y : tensor<i1>
}

func.func @values() -> tensor<2xi1> attributes {
  varve.want = [dense<[false, true]> : tensor<2xi1>]
} {
  %x = varve.constant dense<[true, false]> : tensor<2xi1>
  %y = varve.not %x : tensor<2xi1>
  return %y : tensor<2xi1>
}

// -----

// not C1
func.func @c1(%x: tensor<2x3xi1>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.not"(%x) : (tensor<2x3xi1>) -> tensor<3x2xi1>
  return
}

// -----

func.func @element(%x: tensor<2xi32>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.not %x : tensor<2xi32>
  return
}
