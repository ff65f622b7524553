// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.where %{{.*}}, %{{.*}}, %{{.*}} : tensor<2x3xi1>, tensor<2x3xf64>
func.func @matrix(%c: tensor<2x3xi1>, %x: tensor<2x3xf64>, %y: tensor<2x3xf64>)
    -> tensor<2x3xf64> {
  %z = varve.where %c, %x, %y : tensor<2x3xi1>, tensor<2x3xf64>
  return %z : tensor<2x3xf64>
}

func.func @scalar(%c: tensor<i1>, %x: tensor<ui8>, %y: tensor<ui8>)
    -> tensor<ui8> {
  %z = varve.where %c, %x, %y : tensor<i1>, tensor<ui8>
  return %z : tensor<ui8>
}

func.func @values() -> tensor<3xi32> attributes {
  varve.want = [dense<[1, 5, 3]> : tensor<3xi32>]
} {
  %c = varve.constant dense<[true, false, true]> : tensor<3xi1>
  %x = varve.constant dense<[1, 2, 3]> : tensor<3xi32>
  %y = varve.constant dense<[4, 5, 6]> : tensor<3xi32>
  %z = varve.where %c, %x, %y : tensor<3xi1>, tensor<3xi32>
  return %z : tensor<3xi32>
}

// -----

// where C1
func.func @c1(%c: tensor<3xi1>, %x: tensor<2xf32>) {
  // expected-error @+1 {{requires the same shape for all operands and results}}
  %z = varve.where %c, %x, %x : tensor<3xi1>, tensor<2xf32>
  return
}
