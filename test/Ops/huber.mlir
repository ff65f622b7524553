// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.huber %{{.*}}, %{{.*}} {delta = 5.000000e-01 : f64} : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<f64>
func.func @matrix(%x: tensor<2x3xf64>, %t: tensor<2x3xf64>) -> tensor<f64> {
  %y = varve.huber %x, %t {delta = 0.5 : f64} : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @scalar(%x: tensor<f64>, %t: tensor<f64>) -> tensor<f64> {
  %y = varve.huber %x, %t {delta = 0.5 : f64} : tensor<f64>, tensor<f64> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<f64> attributes {
  varve.want = [dense<0.3828125> : tensor<f64>]
} {
  %x = varve.constant dense<[1.5, -0.5, 0.25, 3.0]> : tensor<4xf64>
  %t = varve.constant dense<[1.0, 0.0, 0.5, 0.25]> : tensor<4xf64>
  %y = varve.huber %x, %t {delta = 0.5 : f64} : tensor<4xf64>, tensor<4xf64> -> tensor<f64>
  return %y : tensor<f64>
}

// -----

// huber C1
func.func @c1(%x: tensor<2xf32>, %t: tensor<3xf32>) {
  // expected-error @+1 {{but target is}}
  %y = varve.huber %x, %t : tensor<2xf32>, tensor<3xf32> -> tensor<f32>
  return
}

// -----

// huber C2
func.func @c2(%x: tensor<2xf32>) {
  // expected-error @+1 {{is not above 0}}
  %y = varve.huber %x, %x {delta = 0.0 : f64} : tensor<2xf32>, tensor<2xf32> -> tensor<f32>
  return
}
