// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.dynamic_update_slice %{{.*}}, %{{.*}}, %{{.*}} {axis = 0 : i64} : tensor<4x2xf64>, tensor<2x2xf64>, tensor<i64>
func.func @rows(%x: tensor<4x2xf64>, %y: tensor<2x2xf64>, %i: tensor<i64>) -> tensor<4x2xf64> {
  %z = varve.dynamic_update_slice %x, %y, %i {axis = 0 : i64} : tensor<4x2xf64>, tensor<2x2xf64>, tensor<i64>
  return %z : tensor<4x2xf64>
}

func.func @columns(%x: tensor<2x3x2xf64>, %y: tensor<2x1x2xf64>, %i: tensor<ui8>) -> tensor<2x3x2xf64> {
  %z = varve.dynamic_update_slice %x, %y, %i {axis = -2 : i64} : tensor<2x3x2xf64>, tensor<2x1x2xf64>, tensor<ui8>
  return %z : tensor<2x3x2xf64>
}

func.func @values() -> (tensor<4xi32>, tensor<4xi32>) attributes {
  varve.want = [dense<[1, 7, 8, 4]> : tensor<4xi32>,
                dense<[1, 2, 7, 8]> : tensor<4xi32>]
} {
  %x = varve.constant dense<[1, 2, 3, 4]> : tensor<4xi32>
  %y = varve.constant dense<[7, 8]> : tensor<2xi32>
  %a = varve.constant dense<1> : tensor<i64>
  %b = varve.constant dense<9> : tensor<i64>
  %0 = varve.dynamic_update_slice %x, %y, %a {axis = 0 : i64} : tensor<4xi32>, tensor<2xi32>, tensor<i64>
  %1 = varve.dynamic_update_slice %x, %y, %b {axis = 0 : i64} : tensor<4xi32>, tensor<2xi32>, tensor<i64>
  return %0, %1 : tensor<4xi32>, tensor<4xi32>
}

// -----

// dynamic_update_slice C1
func.func @c1(%x: tensor<2xf32>, %i: tensor<i64>) {
  // expected-error @+1 {{axis 1 is not an axis of}}
  %z = varve.dynamic_update_slice %x, %x, %i {axis = 1 : i64} : tensor<2xf32>, tensor<2xf32>, tensor<i64>
  return
}

// -----

// dynamic_update_slice C2
func.func @c2(%x: tensor<2xf32>, %y: tensor<3xf32>, %i: tensor<i64>) {
  // expected-error @+1 {{is no part of}}
  %z = varve.dynamic_update_slice %x, %y, %i {axis = 0 : i64} : tensor<2xf32>, tensor<3xf32>, tensor<i64>
  return
}

// -----

// dynamic_update_slice C3
func.func @c3(%x: tensor<2xf32>, %i: tensor<1xi64>) {
  // expected-error @+1 {{not of rank 0}}
  %z = varve.dynamic_update_slice %x, %x, %i {axis = 0 : i64} : tensor<2xf32>, tensor<2xf32>, tensor<1xi64>
  return
}
