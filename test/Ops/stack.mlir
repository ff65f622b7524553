// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.stack %{{.*}}, %{{.*}} {axis = 1 : i64} : tensor<3xf64>, tensor<3xf64> -> tensor<3x2xf64>
func.func @rows(%x: tensor<3xf64>, %y: tensor<3xf64>) -> tensor<3x2xf64> {
  %z = varve.stack %x, %y {axis = 1 : i64} : tensor<3xf64>, tensor<3xf64> -> tensor<3x2xf64>
  return %z : tensor<3x2xf64>
}

func.func @twice(%x: tensor<f64>) -> tensor<3xf64> {
  %z = varve.stack %x, %x, %x {axis = -1 : i64} : tensor<f64>, tensor<f64>, tensor<f64> -> tensor<3xf64>
  return %z : tensor<3xf64>
}

func.func @values() -> (tensor<2x2xi32>, tensor<2x2xi32>) attributes {
  varve.want = [dense<[[1, 2], [3, 4]]> : tensor<2x2xi32>,
                dense<[[1, 3], [2, 4]]> : tensor<2x2xi32>]
} {
  %x = varve.constant dense<[1, 2]> : tensor<2xi32>
  %y = varve.constant dense<[3, 4]> : tensor<2xi32>
  %0 = varve.stack %x, %y {axis = 0 : i64} : tensor<2xi32>, tensor<2xi32> -> tensor<2x2xi32>
  %1 = varve.stack %x, %y {axis = 1 : i64} : tensor<2xi32>, tensor<2xi32> -> tensor<2x2xi32>
  return %0, %1 : tensor<2x2xi32>, tensor<2x2xi32>
}

// -----

// stack C1
func.func @c1(%x: tensor<2xf32>, %y: tensor<3xf32>) {
  // expected-error @+1 {{cannot stack}}
  %z = varve.stack %x, %y {axis = 0 : i64} : tensor<2xf32>, tensor<3xf32> -> tensor<2x2xf32>
  return
}

// -----

// stack C2
func.func @c2(%x: tensor<2xf32>) {
  // expected-error @+1 {{axis 2 is not a new axis of}}
  %z = varve.stack %x {axis = 2 : i64} : tensor<2xf32> -> tensor<2x1xf32>
  return
}
