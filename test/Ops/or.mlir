// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.or %{{.*}}, %{{.*}} : tensor<2x3xi1>
func.func @matrix(%x: tensor<2x3xi1>, %y: tensor<2x3xi1>)
    -> tensor<2x3xi1> {
  %z = varve.or %x, %y : tensor<2x3xi1>
  return %z : tensor<2x3xi1>
}

func.func @scalar(%x: tensor<i1>, %y: tensor<i1>) -> tensor<i1> {
  %z = varve.or %x, %y : tensor<i1>
  return %z : tensor<i1>
}

func.func @values() -> tensor<4xi1> attributes {
  varve.want = [dense<[true, true, true, false]> : tensor<4xi1>]
} {
  %x = varve.constant dense<[true, true, false, false]> : tensor<4xi1>
  %y = varve.constant dense<[true, false, true, false]> : tensor<4xi1>
  %z = varve.or %x, %y : tensor<4xi1>
  return %z : tensor<4xi1>
}

// -----

// or C1
func.func @c1(%x: tensor<2x3xi1>, %y: tensor<3xi1>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.or"(%x, %y) : (tensor<2x3xi1>, tensor<3xi1>) -> tensor<2x3xi1>
  return
}

// -----

func.func @element(%x: tensor<2xi32>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.or %x, %x : tensor<2xi32>
  return
}
