// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.normalize %{{.*}} {axis = array<i64: 1>, eps = 1.000000e-01 : f64} : tensor<2x3xf64> -> tensor<2x3xf64>, tensor<2xf64>, tensor<2xf64>
func.func @rows(%x: tensor<2x3xf64>) -> (tensor<2x3xf64>, tensor<2xf64>, tensor<2xf64>) {
  %y, %m, %v = varve.normalize %x {axis = array<i64: 1>, eps = 0.1 : f64} : tensor<2x3xf64> -> tensor<2x3xf64>, tensor<2xf64>, tensor<2xf64>
  return %y, %m, %v : tensor<2x3xf64>, tensor<2xf64>, tensor<2xf64>
}

func.func @channels(%x: tensor<2x3x2xf64>) -> (tensor<2x3x2xf64>, tensor<3xf64>, tensor<3xf64>) {
  %y, %m, %v = varve.normalize %x {axis = array<i64: 0, 2>, eps = 0.01 : f64} : tensor<2x3x2xf64> -> tensor<2x3x2xf64>, tensor<3xf64>, tensor<3xf64>
  return %y, %m, %v : tensor<2x3x2xf64>, tensor<3xf64>, tensor<3xf64>
}

func.func @all(%x: tensor<2x3xf64>) -> (tensor<2x3xf64>, tensor<f64>, tensor<f64>) {
  %y, %m, %v = varve.normalize %x {axis = array<i64: 0, 1>} : tensor<2x3xf64> -> tensor<2x3xf64>, tensor<f64>, tensor<f64>
  return %y, %m, %v : tensor<2x3xf64>, tensor<f64>, tensor<f64>
}

func.func @variance(%x: tensor<2x3xf64>) -> tensor<2xf64> {
  %y, %m, %v = varve.normalize %x {axis = array<i64: 1>} : tensor<2x3xf64> -> tensor<2x3xf64>, tensor<2xf64>, tensor<2xf64>
  return %v : tensor<2xf64>
}

func.func @values() -> (tensor<2x3xf64>, tensor<2xf64>, tensor<2xf64>) attributes {
  varve.want = [dense<[[-0.916057224828689, -0.4580286124143445, 1.3740858372430336], [0.0, 0.0, 0.0]]> : tensor<2x3xf64>,
                dense<[3.0, 0.5]> : tensor<2xf64>,
                dense<[4.666666666666667, 0.0]> : tensor<2xf64>]
} {
  %x = varve.constant dense<[[1.0, 2.0, 6.0], [0.5, 0.5, 0.5]]> : tensor<2x3xf64>
  %y, %m, %v = varve.normalize %x {axis = array<i64: 1>, eps = 0.1 : f64} : tensor<2x3xf64> -> tensor<2x3xf64>, tensor<2xf64>, tensor<2xf64>
  return %y, %m, %v : tensor<2x3xf64>, tensor<2xf64>, tensor<2xf64>
}

// -----

// normalize C1
func.func @c1(%x: tensor<2xf32>) {
  // expected-error @+1 {{are not axes of}}
  %y, %m, %v = varve.normalize %x {axis = array<i64: 1>} : tensor<2xf32> -> tensor<2xf32>, tensor<f32>, tensor<f32>
  return
}

// -----

// normalize C2
func.func @c2(%x: tensor<2xf32>) {
  // expected-error @+1 {{is negative}}
  %y, %m, %v = varve.normalize %x {axis = array<i64: 0>, eps = -1.0 : f64} : tensor<2xf32> -> tensor<2xf32>, tensor<f32>, tensor<f32>
  return
}
