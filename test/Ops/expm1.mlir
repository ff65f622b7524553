// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.expm1 %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.expm1 %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64>) -> tensor<f64> {
  %y = varve.expm1 %x : tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<6xf64> attributes {
  varve.want = [dense<[-0.7768698398515702, -0.22119921692859512, 0.0, 1.1170000166126748, 6.38905609893065, 1.00000000005e-10]> : tensor<6xf64>]
} {
  %x = varve.constant dense<[-1.5, -0.25, 0.0, 0.75, 2.0, 1.0e-10]> : tensor<6xf64>
  %y = varve.expm1 %x : tensor<6xf64>
  return %y : tensor<6xf64>
}

// -----

// expm1 C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.expm1"(%x) : (tensor<2x3xf64>) -> tensor<3x2xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi32>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.expm1 %x : tensor<2xi32>
  return
}
