// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.scatter_add %{{.*}}, %{{.*}}, %{{.*}} : tensor<5x3xf64>, tensor<4xi64>, tensor<4x3xf64>
func.func @rows(%x: tensor<5x3xf64>, %i: tensor<4xi64> {varve.range = [0, 4]}, %y: tensor<4x3xf64>) -> tensor<5x3xf64> {
  %z = varve.scatter_add %x, %i, %y : tensor<5x3xf64>, tensor<4xi64>, tensor<4x3xf64>
  return %z : tensor<5x3xf64>
}

func.func @columns(%x: tensor<2x3xf64>, %i: tensor<2x2xi32>, %y: tensor<2x2x2xf64>) -> tensor<2x3xf64> {
  %z = varve.scatter_add %x, %i, %y {axis = 1 : i64} : tensor<2x3xf64>, tensor<2x2xi32>, tensor<2x2x2xf64>
  return %z : tensor<2x3xf64>
}

func.func @values() -> tensor<3xi8> attributes {
  varve.want = [dense<[61, 2, -128]> : tensor<3xi8>]
} {
  %x = varve.constant dense<[1, 2, 127]> : tensor<3xi8>
  %i = varve.constant dense<[0, 2, 0, -5]> : tensor<4xi64>
  %y = varve.constant dense<[10, 1, 20, 30]> : tensor<4xi8>
  %z = varve.scatter_add %x, %i, %y : tensor<3xi8>, tensor<4xi64>, tensor<4xi8>
  return %z : tensor<3xi8>
}

// -----

// scatter_add C1
func.func @c1(%x: tensor<2xf32>, %i: tensor<1xi64>, %y: tensor<1xf32>) {
  // expected-error @+1 {{axis 1 is not an axis of}}
  %z = varve.scatter_add %x, %i, %y {axis = 1 : i64} : tensor<2xf32>, tensor<1xi64>, tensor<1xf32>
  return
}

// -----

// scatter_add C2
func.func @c2(%x: tensor<2x3xf32>, %i: tensor<4xi64>, %y: tensor<4xf32>) {
  // expected-error @+1 {{y is 'tensor<4xf32>', should be 'tensor<4x3xf32>'}}
  %z = varve.scatter_add %x, %i, %y : tensor<2x3xf32>, tensor<4xi64>, tensor<4xf32>
  return
}
