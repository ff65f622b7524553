// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.mean_squared_error %{{.*}}, %{{.*}} : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<f64>
func.func @matrix(%x: tensor<2x3xf64>, %t: tensor<2x3xf64>) -> tensor<f64> {
  %y = varve.mean_squared_error %x, %t : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @scalar(%x: tensor<f64>, %t: tensor<f64>) -> tensor<f64> {
  %y = varve.mean_squared_error %x, %t : tensor<f64>, tensor<f64> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<f64> attributes {
  varve.want = [dense<2.03125> : tensor<f64>]
} {
  %x = varve.constant dense<[1.5, -0.5, 0.25, 3.0]> : tensor<4xf64>
  %t = varve.constant dense<[1.0, 0.0, 0.5, 0.25]> : tensor<4xf64>
  %y = varve.mean_squared_error %x, %t : tensor<4xf64>, tensor<4xf64> -> tensor<f64>
  return %y : tensor<f64>
}

// -----

// mean_squared_error C1
func.func @c1(%x: tensor<2xf32>, %t: tensor<3xf32>) {
  // expected-error @+1 {{but target is}}
  %y = varve.mean_squared_error %x, %t : tensor<2xf32>, tensor<3xf32> -> tensor<f32>
  return
}
